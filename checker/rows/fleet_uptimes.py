"""How much of the time a forward was up at any gateway of a fleet. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checker.model import Status, Tunnel, Watched
from checker.rows.uptimes import DAY_S, Change, day_at, start_of

Day = tuple[str, float, float]
"""Day, seconds up, seconds watched."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What one gateway has about a forward."""

    days: Sequence[Day] = ()
    changes: Sequence[Change] = ()
    """In their order."""

    @property
    def began(self) -> str:
        """The status before the first change. Without a change it was up all the time, if it was up
        on the last day.
        """
        if self.changes:
            return self.changes[0].before or Status.UP
        return Status.UP if self.days and self.days[-1][1] > 0 else Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Told:
    """What another gateway told of a forward, which does not tell its sums."""

    changes: Sequence[Change] = ()
    """In their order."""
    now: Tunnel | None = None
    """As it is now; None: unknown there."""
    since: float = 0.0
    """Of its oldest event that we have, Unix seconds: before it, a change may be missing."""
    until: float = 0.0
    """When the gateway swept last, Unix seconds: nothing is known since."""


def times_up(told: Told, since: float, until: float) -> list[tuple[float, float]]:
    """When the forward was up at that gateway, between these two times."""
    if told.changes:
        at, status = told.since, told.changes[0].before or Status.UP
    elif told.now is not None and told.now.status is Status.UP:
        at, status = told.now.since or since, Status.UP
    else:
        return []
    found = []
    for change in told.changes:
        if status == Status.UP:
            found.append((at, change.at))
        at, status = change.at, change.after
    if status == Status.UP:
        found.append((at, told.until))
    clipped = ((max(begin, since), min(end, until)) for begin, end in found)
    return [(begin, end) for begin, end in clipped if end > begin]


def days_up(times: Iterable[tuple[float, float]]) -> list[Day]:
    """The days of these times. Nobody says how long that gateway watched, so no time is watched."""
    sums: dict[str, float] = {}
    for began, ended in times:
        begin = began
        while begin < ended:
            day = day_at(begin)
            end = min(ended, start_of(day) + DAY_S)
            sums[day] = sums.get(day, 0.0) + end - begin
            begin = end
    return [(day, up_s, 0.0) for day, up_s in sorted(sums.items())]


def watch_of(told: Told, since: float, until: float) -> Watch:
    """What a gateway that told no sums has about a forward."""
    return Watch(days_up(times_up(told, since, until)), told.changes)


def lately_up(told: Told, since: float, until: float) -> Watched:
    """The seconds up in these last hours."""
    up_s = sum(end - begin for begin, end in times_up(told, since, until))
    return Watched(day="", up_s=up_s, watched_s=0.0)


def days_of(watches: Iterable[Watch]) -> list[Day]:
    """The days of all. No second is counted as watched twice; if the forward was up at two gateways
    at once, the sum may be too large, but not larger than what was watched.
    """
    sums: dict[str, tuple[float, float]] = {}
    for watch in watches:
        for day, up_s, watched_s in watch.days:
            up_all_s, most_s = sums.get(day, (0.0, 0.0))
            sums[day] = up_all_s + up_s, max(most_s, watched_s)
    return [(day, min(up_s, most_s), most_s) for day, (up_s, most_s) in sorted(sums.items())]


def lately_of(watched: Iterable[Watched | None]) -> Watched | None:
    """The last hours of all, counted alike."""
    found = [one for one in watched if one is not None]
    if not found:
        return None
    most_s = max(one.watched_s for one in found)
    return Watched(day="", up_s=min(most_s, sum(one.up_s for one in found)), watched_s=most_s)


def changes_of(watches: Sequence[Watch]) -> list[Change]:
    """When the forward was no longer up anywhere, and when it was up again."""
    if len(watches) == 1:
        return list(watches[0].changes)
    now = [watch.began for watch in watches]
    before, found = together(now, Status.DOWN), []
    each = ([(*change, at) for change in watch.changes] for at, watch in enumerate(watches))
    for when, _, after, at in heapq.merge(*each, key=lambda one: one[0]):
        now[at] = after
        status = together(now, after)
        if status != before:
            found.append(Change(when, before, status))
        before = status
    return found


def together(statuses: Sequence[str], last: str) -> str:
    """The status of a forward that has these at its gateways; `last` changed last."""
    if Status.UP in statuses:
        return Status.UP
    known = [status for status in statuses if status != Status.UNKNOWN]
    return last if last in known else next(iter(known), Status.UNKNOWN)
