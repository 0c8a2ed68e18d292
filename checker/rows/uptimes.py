"""How much of the time forwards were up: days, losses, outages; by forward, node or tag. Pure."""

from __future__ import annotations

import sys
import time
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import truediv
from typing import Any, NamedTuple

from checker.model import Forward, NodeName, Status, Watched
from checker.rows.row import Share

DAY_S = 86400
WEEK, MONTH = 7, 30
"""Days, today included."""
UNTAGGED = "-"
"""Stands for the nodes without a tag; no tag can have this name."""
STATUS_CHANGE, KILL = "status", "kill"
"""The kinds of events from which outages follow."""


class Change(NamedTuple):
    """A change of a forward's status, from an event."""

    at: float
    before: str
    """Empty: unknown."""
    after: str


class Downtime(NamedTuple):
    """A stretch of time during which a forward was not up."""

    began: float
    ended: float
    """As it began, if the log does not have its beginning."""
    was_lost: bool
    """It was up before, and may listen."""


class Days(Collection[Watched]):
    """Days, the oldest first, in little memory: the garbage collector stops a console for 100 ms if
    it has to look at 150,000 tuples. They are summed up as arrays, not one by one.
    """

    __slots__ = ("names", "up_s", "watched_s")

    def __init__(self, days: Iterable[tuple[str, float, float]]) -> None:
        found = tuple(days)
        names, up_s, watched_s = zip(*found, strict=True) if found else ((), (), ())
        self.names = tuple(map(sys.intern, names))
        self.up_s, self.watched_s = array("d", up_s), array("d", watched_s)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Watched]:
        return map(Watched, self.names, self.up_s, self.watched_s)

    def __contains__(self, day: object) -> bool:
        return any(each == day for each in self)

    def share(self, since: str = "") -> Share:
        """Which part of the watched time it was up, from this day on; None if nobody watched."""
        first = bisect_left(self.names, since)
        return share_of(sum(self.up_s[first:]), sum(self.watched_s[first:]))

    @property
    def worst(self) -> Watched | None:
        """The day with the smallest share; of several, the newest. None if nobody watched."""
        if not any(self.watched_s):
            return None
        if all(self.watched_s):
            shares = list(map(truediv, self.up_s, self.watched_s))
        else:
            pairs = zip(self.up_s, self.watched_s, strict=True)
            shares = [up_s / watched_s if watched_s else inf for up_s, watched_s in pairs]
        shares.reverse()
        at = len(shares) - 1 - shares.index(min(shares))
        return Watched(day=self.names[at], up_s=self.up_s[at], watched_s=self.watched_s[at])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What is known about a forward in the time of a report."""

    forward: Forward
    days: Collection[Watched] = ()
    """The oldest first; days that no daemon watched are missing."""
    losses: int = 0
    """How often it was up and then was not."""
    longest_s: float = 0.0
    """The longest outage."""
    lately: Watched | None = None
    """The last 24 hours; None: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is reported about, and how it was."""

    about: Mapping[str, Any]
    """By column."""
    days: Collection[Watched]
    """The oldest first."""
    losses: int = 0
    longest_s: float = 0.0
    """The longest outage."""
    lately: Share = None
    """The last 24 hours."""

    @property
    def share(self) -> float | None:
        return self.summable.share()

    @property
    def worst(self) -> Watched | None:
        """The day with the smallest share; of several, the newest. None if nobody watched."""
        return self.summable.worst

    @property
    def summable(self) -> Days:
        return self.days if isinstance(self.days, Days) else Days(self.days)

    @property
    def name(self) -> str:
        """How a sentence names it."""
        return ":".join(
            str(self.about[key]) for key in ("node", "port", "tag") if key in self.about
        )

    def is_below(self, target: float | None) -> bool:
        """Whether it was up for less than this percentage; not if nobody watched."""
        part = self.share
        return target is not None and part is not None and 100 * part < target

    def since(self, day: str) -> float | None:
        """Its share from this day on."""
        return self.summable.share(day)


def day_at(at: float) -> str:
    """The UTC day (YYYY-MM-DD) of a time."""
    return time.strftime("%Y-%m-%d", time.gmtime(max(0.0, at)))


def first_day(now: float, count: int) -> str:
    """The first of the last so many days; today is the last of them."""
    return day_at(now - (count - 1) * DAY_S)


def start_of(day: str) -> float:
    """The first second of a UTC day."""
    from calendar import timegm  # slow to load

    return timegm((int(day[:4]), int(day[5:7]), int(day[8:]), 0, 0, 0))


def share(days: Iterable[Watched]) -> float | None:
    """Which part of the watched time it was up, 0 to 1; None if nobody watched."""
    up_s = watched_s = 0.0
    for day in days:
        up_s += day.up_s
        watched_s += day.watched_s
    return share_of(up_s, watched_s)


def share_of(up_s: float, watched_s: float) -> float | None:
    """Which part of the watched time it was up, 0 to 1; None if nobody watched."""
    return up_s / watched_s if watched_s > 0 else None


def summed(days: Iterable[Watched]) -> tuple[Watched, ...]:
    """One entry for each day, the oldest first."""
    sums: dict[str, tuple[float, float]] = {}
    for day in days:
        up_s, watched_s = sums.get(day.day, (0.0, 0.0))
        sums[day.day] = up_s + day.up_s, watched_s + day.watched_s
    return tuple(
        Watched(day=day, up_s=up_s, watched_s=watched_s)
        for day, (up_s, watched_s) in sorted(sums.items())
    )


def change_in(at: float, kind: str, text: str) -> Change | None:
    """The change that an event reports, from the beginning of its text; None if it reports none."""
    if kind == KILL:
        return Change(at, "", Status.DOWN)
    before, sign, after = text.partition(" -> ")
    return Change(at, before, after.partition(":")[0]) if sign else None


def downtimes(
    changes: Iterable[Change], days: Collection[Watched], since: float, until: float
) -> tuple[Downtime, ...]:
    """The times in a span (Unix seconds) when a forward was not up; `changes` in their order.

    A kill beside another forward leaves no event, so the log may lack how an outage began. The time
    during which a node may not listen does not count.
    """
    found: list[Downtime] = []
    was_up: bool | None = None
    began: float | None = None
    lost = False
    for at, before, after in changes:
        if before == Status.UNKNOWN and began is not None:  # its row was new: it had been removed
            found.append(Downtime(began, began, lost))
            began, was_up = None, False
        if after in (Status.UP, Status.UNKNOWN):
            if began is not None:
                found.append(Downtime(began, at, lost))
            elif was_up is None and is_down(before):
                found.append(first_one(at, days, since))
            elif was_up and after == Status.UP:
                found.append(Downtime(at, at, True))
            began, was_up = None, after == Status.UP
            continue
        if began is None:
            before_all = was_up is None and is_down(before)
            began = first_one(at, days, since).began if before_all else at
            lost = bool(was_up) or before in ("", Status.UP)
        was_up = False
    if was_up is None:
        return never_up(days, since, until)
    return (*found, Downtime(began, until, lost)) if began is not None else tuple(found)


def is_down(status: str) -> bool:
    return status not in ("", Status.UP, Status.UNKNOWN)


def first_one(at: float, days: Collection[Watched], since: float) -> Downtime:
    """The downtime that ends at this time, and began before the first event of the span."""
    today = day_at(at)
    if any(day.up_s > 0 and day.day < today for day in days):
        return Downtime(at, at, True)
    return Downtime(watched_from(days, since), at, False)


def never_up(days: Collection[Watched], since: float, until: float) -> tuple[Downtime, ...]:
    """Without any event the forward was up, or down, all the time."""
    watched = any(day.watched_s > 0 for day in days)
    if not watched or any(day.up_s > 0 for day in days):
        return ()
    return (Downtime(watched_from(days, since), until, False),)


def watched_from(days: Collection[Watched], since: float) -> float:
    """The beginning of the first day on which a daemon watched."""
    first = next(iter(days), None)
    return max(since, start_of(first.day)) if first else since


def reported(
    forward: Forward,
    days: Iterable[tuple[str, float, float]],
    changes: Iterable[Change],
    span: tuple[float, float],
    lately: Watched | None = None,
) -> Reported:
    """How a forward did in a span: its first and last second (Unix seconds)."""
    kept = Days(days)
    downs = downtimes(changes, kept, *span)
    return Reported(
        forward=forward,
        days=kept,
        losses=sum(down.was_lost for down in downs),
        longest_s=max((down.ended - down.began for down in downs), default=0.0),
        lately=lately,
    )


def line_of(about: Mapping[str, Any], found: Sequence[Reported]) -> Line:
    """These forwards together."""
    return Line(
        about=about,
        days=found[0].days if len(found) == 1 else summed(day for one in found for day in one.days),
        losses=sum(one.losses for one in found),
        longest_s=max(one.longest_s for one in found),
        lately=share(one.lately for one in found if one.lately is not None),
    )


def lines_by_forward(reported: Iterable[Reported]) -> list[Line]:
    return [
        line_of(
            {
                "node": one.forward.node,
                "port": one.forward.port,
                "target": str(one.forward.target),
            },
            [one],
        )
        for one in reported
    ]


def lines_by_node(reported: Iterable[Reported]) -> list[Line]:
    """The forwards of each node together."""
    by_node: dict[NodeName, list[Reported]] = {}
    for one in reported:
        by_node.setdefault(one.forward.node, []).append(one)
    return [
        line_of({"node": node, "forwards": len(found)}, found)
        for node, found in sorted(by_node.items())
    ]


def lines_by_tag(
    reported: Iterable[Reported], tags: Mapping[NodeName, Sequence[str]]
) -> list[Line]:
    """The forwards of each tag's nodes together: one with two tags counts for both. Untagged nodes
    come last.
    """
    by_tag: dict[str, list[Reported]] = {}
    for one in reported:
        for tag in tags.get(one.forward.node) or (UNTAGGED,):
            by_tag.setdefault(tag, []).append(one)
    return [
        line_of(
            {
                "tag": tag,
                "nodes": len({one.forward.node for one in found}),
                "forwards": len(found),
            },
            found,
        )
        for tag, found in sorted(by_tag.items(), key=lambda one: (one[0] == UNTAGGED, one[0]))
    ]
