"""A forward and all that is known about it, and the moment it is seen at: pure data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from checker.model import (
    Applicant,
    Forward,
    Mute,
    NodeName,
    Port,
    Status,
    Tunnel,
    is_future,
    is_late,
    stale_at,
)

Key = tuple[NodeName, Port]
"""Identifies a row, wherever it is on the screen."""
NO_PORT = Port(-1)
"""The port in the key of a broken file's row."""
Share = float | None
"""The share of a time that a forward was up, 0.0 to 1.0; None: no daemon watched."""
FUTURE = "future"
"""For the age of what lies in the future, after the clock was set back."""
HOURS = 24
STALE = "stale"
"""The word for a row whose status is too old to rely on."""


WORST_FIRST = {status: place for place, status in enumerate(Status)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else is known about a forward; few views show it, so it is read late and seldom."""

    instance: str = ""
    """The name of the client's run, from its registration; empty: it never registered."""
    client: str = ""
    """Program and version, as the client reports them."""
    flaps: int = 0
    was_up: bool = True
    """False: it is down, and never was up."""
    hours: tuple[Share, ...] = ()
    """The last HOURS hours, the present one last; empty until read."""
    week: Share = None
    """The last 7 days."""
    month: Share = None
    """The last 30 days."""
    trend: Sequence[float] = field(default=(), compare=False)
    """The last latencies in ms, the newest last, NaN without an answer; it grows in place. Only a
    running console keeps them.
    """
    rates: Sequence[float] = field(default=(), compare=False)
    """The last rates in bytes per second, the newest last, NaN if unknown; kept like `trend`."""


NOTHING_MORE = Known()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """At which gateway of a fleet a forward was seen."""

    gateway: str
    """The ID of the gateway whose row this is: the one that holds it, or held it last."""
    also: tuple[str, ...] = ()
    """The IDs of the other gateways that hold it, sorted."""
    is_cut_off: bool = False
    """Whether that gateway is unreachable, so that its row is stale."""
    lacks: str = ""
    """What is wrong with the other tunnel of a node that keeps two, as a clause; empty: nothing."""
    is_elsewhere: bool = False
    """Whether another gateway than this one holds it: acts on it are asked of that one."""

    @property
    def half(self) -> str:
        """That the node has only one of two tunnels, as a clause; empty if it has both, or keeps
        one.
        """
        return f"one of two paths is lost: {self.lacks}" if self.lacks else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One forward and its last observation; or a node's forwards, folded into one row."""

    forward: Forward | None
    """None until the registry was read."""
    seen: Tunnel
    """For folded forwards, the worst one's, with port 0."""
    known: Known = NOTHING_MORE
    barred: str = ""
    """Why the node may not listen, in one word (disabled, expired); empty if it may."""
    why_barred: str = ""
    """Why somebody disabled the node; empty: nobody said."""
    unregistered: bool = False
    """Not in the registry: it came by the shared key."""
    calls_itself: str = ""
    """What its device calls itself, if that is not the node's name."""
    tags: tuple[str, ...] = ()
    """The node's; sorted."""
    note: str = ""
    """The node's, as the admin wrote it."""
    applicant: Applicant | None = None
    """The device that waits to be accepted; None: it is a forward, or a device of the shared
    key.
    """
    mute: Mute | None = None
    """Why no alerts are sent about it; None: they are."""
    where: Whereabouts | None = None
    """Which gateway's row it is; None: this gateway is in no fleet, or shows only its own."""
    members: tuple[Row, ...] = ()
    """The rows folded into this one; empty for a forward of its own."""

    @property
    def key(self) -> Key:
        return (self.seen.node, self.seen.port)

    def seen_as(self, seen: Tunnel) -> Row:
        """The same row after another probe; `dataclasses.replace` takes three times as long."""
        return Row(
            forward=self.forward,
            seen=seen,
            known=self.known,
            barred=self.barred,
            why_barred=self.why_barred,
            unregistered=self.unregistered,
            calls_itself=self.calls_itself,
            tags=self.tags,
            note=self.note,
            applicant=self.applicant,
            mute=self.mute,
            where=self.where,
            members=self.members,
        )

    @property
    def is_shut(self) -> bool:
        """Whether it may not listen, and does not. The daemon does not probe such a port, so its
        status means nothing.
        """
        return bool(self.barred) and self.seen.status in (Status.DOWN, Status.UNKNOWN)

    @property
    def word(self) -> str:
        """The status in one word; for a shut row, the reason."""
        return self.barred if self.is_shut else self.seen.status.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a row is looked at; its age and staleness depend on it."""

    now: float
    """Unix seconds."""
    every_s: float
    """Between sweeps."""

    def is_stale(self, row: Row) -> bool:
        if row.where is not None and row.where.is_cut_off:
            return True
        seen = row.seen
        return is_late(seen.probed_at, seen.due_s, self.every_s, self.now)

    def turns_at(self, row: Row) -> float | None:
        """When the row's staleness may change next, if it is not seen again; None: never."""
        at = row.seen.probed_at
        if row.where is not None and row.where.is_cut_off:
            return None
        if at is None or is_future(at, self.now):
            return at
        turns_at = stale_at(at, row.seen.due_s, self.every_s)
        return None if self.now > turns_at else turns_at

    def word(self, row: Row) -> str:
        """The status in one word, as far as it can be relied on; for a shut row, the reason."""
        if row.barred and row.is_shut:
            return row.barred
        return STALE if self.is_stale(row) else row.seen.status.value

    def badness(self, row: Row) -> int:
        """Its place when rows are sorted worst first: stale ones before all others, those that are
        out on purpose last.
        """
        if row.barred and row.is_shut:
            return len(WORST_FIRST)
        return -1 if self.is_stale(row) else WORST_FIRST[row.seen.status]

    def is_fault(self, row: Row) -> bool:
        """Whether it is not up, or stale, or lacks one of two tunnels; not a node that is barred on
        purpose.
        """
        if row.barred:
            return False
        is_half = row.where is not None and bool(row.where.lacks)
        return row.seen.status is not Status.UP or is_half or self.is_stale(row)


def age_text(seconds: float) -> str:
    """An age, coarser than `checker.output.age`: what seldom changes is seldom repainted."""
    if is_future(0.0, seconds):
        return FUTURE
    if seconds < 60:
        return "<1m"
    if seconds < 3600:
        return f"{int(seconds // 60)}m"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)}h"
    return f"{int(seconds // 86400)}d"
