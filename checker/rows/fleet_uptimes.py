"""How much of the time a forward was up at any gateway of a fleet. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from checker.model import Status, Tunnel, Watched
from checker.rows.uptimes import DAY_S, Change, day_at, start_of

Day = tuple[str, float, float]
"""Day, seconds up, seconds watched."""


Pair = tuple[float, float]
"""Seconds up and watched."""
Timed = tuple[Pair, float]
"""The same, and for how many seconds the forward has been up at that gateway: 0 if it is not, or if
that is this gateway.
"""
HOURS_LATE_S, DAYS_LATE_S = 900.0, 4500.0
"""How late the sums of other gateways come at most: they are asked every ten minutes for those of
hours, and every hour for those of days.
"""


@dataclass(frozen=True, slots=True)
class Watch:
    """What one gateway has about a forward."""

    days: Sequence[Day] = ()
    changes: Sequence[Change] = ()
    """In their order."""
    up_for_s: float = 0.0
    """For how long the forward has been up at another gateway; 0: it is not, or that is this one.
    """

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
    """What another gateway said about a forward, without the sums of its days."""

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


def watch_of(
    told: Told, since: float, until: float, days: Sequence[Day] = (), summed: Collection[str] = ()
) -> Watch:
    """What a gateway has about a forward: its sums of the days that it has `summed`, and what
    follows from events for the others.
    """
    others = [day for day in days_up(times_up(told, since, until)) if day[0] not in summed]
    is_told = any(day >= late_from(told.until) for day, _, _ in others)
    for_s = 0.0 if is_told or not summed else up_for_s(told.now, told.until)
    return Watch(sorted([*days, *others]), told.changes, for_s)


def lately_up(told: Told, since: float, until: float) -> Watched:
    """The seconds up in these last hours."""
    up_s = sum(end - begin for begin, end in times_up(told, since, until))
    return Watched(day="", up_s=up_s, watched_s=0.0)


def up_at_all(pairs: Iterable[Pair]) -> Pair:
    """Seconds up and watched, of those at several gateways. No second is counted as watched twice;
    if the forward was up at two gateways at once, the sum may be too large, but not larger than
    what was watched.
    """
    up_s = watched_s = 0.0
    for up_one_s, watched_one_s in pairs:
        up_s += up_one_s
        watched_s = max(watched_s, watched_one_s)
    return min(up_s, watched_s), watched_s


def with_late(found: Sequence[Timed], late_s: float) -> list[Pair]:
    """The same with what gateways have not told yet, `late_s` at most: it counts as up if the
    forward has been up since.
    """
    most_s = max((watched_s for (_, watched_s), _ in found), default=0.0)
    late = [max(0.0, min(most_s - pair[1], for_s, late_s)) for pair, for_s in found]
    return [
        (up_s + more_s, watched_s + more_s)
        for ((up_s, watched_s), _), more_s in zip(found, late, strict=True)
    ]


def up_for_s(seen: Tunnel | None, now: float) -> float:
    """For how long a forward has been up; 0: it is not. `now`: by the clock of its gateway."""
    is_up = seen is not None and seen.status is Status.UP
    return max(0.0, now - (seen.since or now)) if seen is not None and is_up else 0.0


def late_from(now: float) -> str:
    """The first day whose sums may be late."""
    return day_at(now - DAYS_LATE_S)


def days_of(watches: Sequence[Watch], late: str) -> list[Day]:
    """The days of all; see `up_at_all`. `late`: the first one whose sums may be late."""
    found: dict[str, list[Timed]] = {}
    for watch in watches:
        for day, up_s, watched_s in watch.days:
            found.setdefault(day, []).append(((up_s, watched_s), watch.up_for_s))
    for watch in watches:
        told = {day for day, _, _ in watch.days}
        for day in found.keys() - told if watch.up_for_s else ():
            if day >= late:  # it has just begun
                found[day].append(((0.0, 0.0), watch.up_for_s))
    return [
        (day, *up_at_all(with_late(each, DAYS_LATE_S if day >= late else 0.0)))
        for day, each in sorted(found.items())
    ]


def lately_of(watched: Iterable[tuple[Watched | None, float]]) -> Watched | None:
    """The last hours of all; see `up_at_all`. With each, for how long it has been up there."""
    found = [((one.up_s, one.watched_s), for_s) for one, for_s in watched if one is not None]
    if not found:
        return None
    up_s, watched_s = up_at_all(with_late(found, HOURS_LATE_S))
    return Watched(day="", up_s=up_s, watched_s=watched_s)


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
