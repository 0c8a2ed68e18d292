"""The last 24 hours of a forward, one cell each: a thin line, and bars for what was lost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from checker.rows.row import HOURS, Row, Share

FULL = 0.995
"""An hour or a day counts as up throughout from this share on: a reconnect takes seconds."""
NOBODY = "·"
NEVER_UP = "×"


class Level(StrEnum):
    """How much of an hour the forward was up; the value is the cell for it: the more was lost, the
    more ink.
    """

    FULL = "_"
    MOSTLY = "▂"
    HALF = "▄"
    LITTLE = "▆"
    NONE = "█"
    UNWATCHED = NOBODY


LEAST_SHARE = {Level.FULL: FULL, Level.MOSTLY: 0.75, Level.HALF: 0.25}


def level(share: Share) -> Level:
    """The level of an hour's share."""
    if share is None:
        return Level.UNWATCHED
    if share <= 0:
        return Level.NONE
    return next((found for found, least in LEAST_SHARE.items() if share >= least), Level.LITTLE)


def levels(hours: Sequence[Share]) -> tuple[Level, ...]:
    """Always HOURS levels, the present hour last; unknown hours count as unwatched."""
    known = tuple(map(level, hours[-HOURS:]))
    return (Level.UNWATCHED,) * (HOURS - len(known)) + known


def strip_text(hours: Sequence[Share]) -> str:
    """One cell per hour, always HOURS cells."""
    return "".join(levels(hours))


def known_at(row: Row) -> str:
    """The other gateway that holds the forward and alone knows its hours; empty if they are known
    here.
    """
    where = row.where
    is_blank = where is not None and where.is_elsewhere and overall(row.known.hours) is None
    return where.gateway if where is not None and is_blank else ""


def day_text(row: Row) -> str:
    """One cell per hour; or, at the left of such cells, which gateway knows them."""
    blank = strip_text(row.known.hours)
    return f"at {id_} {blank}"[:HOURS] if (id_ := known_at(row)) else blank


def overall(hours: Sequence[Share]) -> float | None:
    """The mean share over the watched hours, 0.0 to 1.0."""
    watched = [share for share in hours[-HOURS:] if share is not None]
    return sum(watched) / len(watched) if watched else None
