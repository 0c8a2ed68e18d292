"""A row of the console and what it is seen against: pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from checker.model import Forward, NodeName, Port, Tunnel, is_stale
from checker.store import Sweep

Key = tuple[NodeName, Port]
"""What a row is known by, wherever it stands on the screen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One forward, and what was last seen of it."""

    forward: Forward | None
    """None while the registry is still being read."""
    seen: Tunnel

    @property
    def key(self) -> Key:
        return (self.seen.node, self.seen.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a row is looked at: an age, and whether it is stale, follow from it."""

    now: float
    """Unix seconds."""
    every_s: float
    """Between sweeps."""

    def is_stale(self, row: Row) -> bool:
        return is_stale(row.seen, self.every_s, self.now)


class Daemon(StrEnum):
    """What is known of the daemon."""

    UNASKED = "..."
    RUNNING = "running"
    UNREACHABLE = "no answer"
    """It sweeps, and does not answer us."""
    ABSENT = "not running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the gateway does, and how good our sight of it is."""

    daemon: Daemon = Daemon.UNASKED
    sweep: Sweep | None = None
    trouble: str = ""
    """Why the state file can not be read now; the rows are the last that were read."""
    problems: tuple[str, ...] = ()
    """A sentence for each file of the registry that could not be read."""
    registry_read: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the reader found since its last report."""

    changed: tuple[Row, ...] = ()
    keys: frozenset[Key] | None = None
    """All rows that there are; None: those that there were."""
    health: Health


def age_text(seconds: float) -> str:
    """An age, coarse on purpose: a text that seldom changes is seldom repainted."""
    if seconds < 60:
        return "<1m"
    if seconds < 3600:
        return f"{int(seconds // 60)}m"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)}h"
    return f"{int(seconds // 86400)}d"
