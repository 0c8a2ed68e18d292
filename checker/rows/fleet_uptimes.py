"""How much of the time a forward was up at any gateway of a fleet. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checker.model import Status, Watched
from checker.rows.uptimes import Change

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
