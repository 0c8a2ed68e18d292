"""What alerts look at: how each forward, each lost path and the gateway itself seem. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from checker.model import NodeName, Port

Place = tuple[NodeName, Port]
GATEWAY: Place = (NodeName(""), Port(-2))
"""The gateway's own work. While that is in trouble, its rows prove nothing."""
BROKEN_FILE = Port(-1)
"""The port of a sight that stands for a broken registry file."""
ONE_PATH = Port(-3)
"""The port of a sight that stands for the two tunnels of a node, one of which may be lost."""
STALE = "stale"


class Seems(StrEnum):
    """How a forward looks."""

    FINE = "fine"
    FAULTY = "faulty"
    UNCLEAR = "unclear"
    """Nothing certain is known, as before the first probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One forward in one picture."""

    place: Place
    seems: Seems
    why: str = ""
    """The status, `stale`, or for the gateway and a lost path a clause; only of a faulty one."""
    since: float | None = None
    """Unix seconds."""
    leads: str = ""
    """Where it leads, and what is expected there; a renamed node keeps it."""
    is_watched: bool = True
    """Whether the filter shows it."""
    is_muted: bool = False
    is_registered: bool = True
    """Whose names nobody but the admin chooses, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything that is seen at one time."""

    now: float
    """Unix seconds."""
    passed_s: float | None = None
    """Since the picture before, on a clock that does not jump; None for the first one of this
    process.
    """
    sights: tuple[Sight, ...] = ()
    barred: Mapping[NodeName, str] = field(default_factory=dict)
    """Why a node may not listen, in one word (disabled, expired); such a node has no sights."""
    trouble: str = ""
    """Why the sights cannot be trusted, as a clause; empty if they can."""
