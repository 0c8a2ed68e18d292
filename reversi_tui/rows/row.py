"""A row of the console and what it is seen against: pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from checker.model import Event, Forward, NodeName, Port, Status, Tunnel, Watched, is_stale
from checker.state.rows import Sweep

if TYPE_CHECKING:
    from checker.registry.kept_rights import BrokenFile

Key = tuple[NodeName, Port]
"""What a row is known by, wherever it stands on the screen."""


NO_PORT = Port(-1)
"""Stands for the port in the key of a row that is a broken file's."""

Share = float | None
"""How much of an hour a forward was up, 0.0 to 1.0; None: nobody watched."""
HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else is known of a forward; few views show it, so it is read late and seldom."""

    instance: str = ""
    """As the node's client named itself when it registered; empty: it never did."""
    client: str = ""
    """Program and version, in the client's own words."""
    flaps: int = 0
    hours: tuple[Share, ...] = ()
    """The last HOURS hours, the present one last; empty until they were read."""


NOTHING_MORE = Known()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One forward, and what was last seen of it; or a node's forwards, folded into one row."""

    forward: Forward | None
    """None while the registry is still being read."""
    seen: Tunnel
    """Of folded forwards: the worst one's, with port 0."""
    known: Known = NOTHING_MORE
    barred: str = ""
    """One word for why the node may not listen (disabled, expired); empty where it may."""
    unregistered: bool = False
    """The registry does not know it: it came by the shared key."""
    members: tuple[Row, ...] = ()
    """The rows folded into this one; empty for a forward of its own."""

    @property
    def key(self) -> Key:
        return (self.seen.node, self.seen.port)

    @property
    def is_shut(self) -> bool:
        """Whether it may not listen, and does not: the daemon probes no such port, so its status
        says nothing.
        """
        return bool(self.barred) and self.seen.status in (Status.DOWN, Status.UNKNOWN)

    @property
    def word(self) -> str:
        """The status in a word; of one that is shut, why."""
        return self.barred if self.is_shut else self.seen.status.value


def broken_row(broken: BrokenFile) -> Row:
    """The row of a file that does not count."""
    return Row(
        forward=None,
        seen=Tunnel(node=broken.name, port=NO_PORT, status=Status.BROKEN, detail=broken.sentence),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a row is looked at: an age, and whether it is stale, follow from it."""

    now: float
    """Unix seconds."""
    every_s: float
    """Between sweeps."""

    def is_stale(self, row: Row) -> bool:
        return is_stale(row.seen, self.every_s, self.now)

    def is_fault(self, row: Row) -> bool:
        """Whether it is not up, or was long ago; a node that is out on purpose is none."""
        return not row.barred and (row.seen.status is not Status.UP or self.is_stale(row))


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
    logins_waiting: int | None = None
    """Connections to sshd that have not logged in yet; None: not known."""
    disk_free_bytes: int | None = None
    """Where the state file lies; None: not known."""
    on_ipv6: frozenset[int] = frozenset()
    """Ports of the rows that are reached on ::1, and not on 127.0.0.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the reader found since its last report."""

    changed: tuple[Row, ...] = ()
    keys: frozenset[Key] | None = None
    """All rows that there are; None: those that there were."""
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What happened to a row's node, and how the row did day by day."""

    events: tuple[Event, ...] = ()
    """Of the node, the newest last."""
    days: tuple[Watched, ...] = ()
    """The oldest first; days that nobody watched are not there."""


def age_text(seconds: float) -> str:
    """An age, coarse on purpose: a text that seldom changes is seldom repainted."""
    if seconds < 60:
        return "<1m"
    if seconds < 3600:
        return f"{int(seconds // 60)}m"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)}h"
    return f"{int(seconds // 86400)}d"
