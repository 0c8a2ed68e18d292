"""How long forwards were up and watched in a period: an hour or a day."""

from __future__ import annotations

from typing import NamedTuple

from checker.model.node import NodeName, Port

Period = str
"""The number of an hour (Unix seconds // 3600), or a day (YYYY-MM-DD)."""


class Sum(NamedTuple):
    """What of a period a forward was up and watched. A tuple, as 30,000 are read at once."""

    node: NodeName
    port: Port
    up_s: float
    watched_s: float


def is_hour(period: Period) -> bool:
    """Whether it is an hour, not a day."""
    return period.isdecimal()
