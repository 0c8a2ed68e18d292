"""The last hours and days of each forward: of each gateway by itself, and added up."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import mul

from checker.control.background import (
    DAYS_EVERY_S,
    HOURS_EVERY_S,
    at_least,
    differing,
    rounded,
)
from checker.model import hour_at
from checker.model.sums import Sum, is_hour
from checker.rows.fleet_uptimes import DAYS_LATE_S, HOURS_LATE_S, up_at_all, with_late
from checker.rows.row import HOURS, Key, Known, Share
from checker.rows.uptimes import MONTH, WEEK, first_day
from checker.state.store import StateFile
from checker.state.sums import read_hour, read_summed
from checker.state.uptimes import sums_since

Hours = tuple[Sequence[float], Sequence[float]]
"""Seconds up, and seconds watched, in each of the last hours."""
EMPTY = array("f", bytes(8 * HOURS))
LATE_HOURS = 2
"""The last hours whose sums may not be all here."""
LONGEST_TURN_S = 0.1
"""Of the processor, as the rows of all gateways wait meanwhile."""


class HourSums:
    """The last hours of each forward."""

    def __init__(self) -> None:
        self.hour = 0
        """The last one: Unix seconds // 3600."""
        self.kept: dict[Key, array[float]] = {}
        """Seconds up in each hour, by the hour modulo HOURS; then seconds watched."""

    def move_to(self, hour: int) -> set[Key]:
        """Let another hour be the last one, and forget those that are too old; return whose hours
        moved.
        """
        if hour == self.hour:
            return set()
        moved = set(self.kept)
        if not self.hour < hour < self.hour + HOURS:
            self.kept.clear()
        for new in range(self.hour + 1, hour + 1) if self.kept else ():
            at = new % HOURS
            for found in self.kept.values():
                found[at] = found[HOURS + at] = 0.0
        self.hour = hour
        return moved

    def take(self, hour: int, sums: Iterable[Sum]) -> set[Key]:
        """Take one of the last hours; return the keys whose share changed."""
        changed, at = set[Key](), hour % HOURS
        for node, port, up_s, watched_s in sums:
            key = (node, port)
            found = self.kept.get(key)
            if found is None:
                found = self.kept[key] = EMPTY[:]
            before = hour_share(found[at], found[HOURS + at])
            found[at], found[HOURS + at] = up_s, watched_s
            if hour_share(up_s, watched_s) != before:
                changed.add(key)
        return changed

    def of(self, key: Key, last: int) -> Hours | None:
        """The hours of a forward up to `last`; None if none is known."""
        found = self.kept.get(key)
        if found is None:
            return None
        first = (last + 1) % HOURS
        up_s = found[first:HOURS] + found[:first]
        watched_s = found[HOURS + first :] + found[HOURS : HOURS + first]
        if last == self.hour:
            return up_s, watched_s
        known = range(self.hour - HOURS + 1, self.hour + 1)  # until it is read again
        here = [hour in known for hour in range(last - HOURS + 1, last + 1)]
        return list(map(mul, up_s, here)), list(map(mul, watched_s, here))


class PastSums:
    """Hours and days of one gateway, read a few at a time. Only one thread may use it."""

    def __init__(self) -> None:
        self.hours = HourSums()
        self.days: dict[Key, tuple[float, float, float, float]] = {}
        """Seconds up and watched: of the last 7 days, then of the last 30."""
        self.marks: dict[int, str] = {}
        """Of each hour that was read from a mirror."""
        self.waiting: deque[int] = deque()
        """Hours that are still to be read, the newest first."""
        self.changed: set[Key] = set()
        """Since `take_changed` was called."""
        self.next_hours = self.next_days = float("-inf")

    def is_due(self, now: float) -> bool:
        """Whether it is time to read; `now` is wall clock time."""
        clock = time.monotonic()
        is_next = clock >= self.next_hours or clock >= self.next_days
        return bool(self.waiting) or is_next or hour_at(now) != self.hours.hour

    def take_changed(self) -> set[Key]:
        """The keys for which something changed; none while more waits to be read, as each row that
        is shown again costs time.
        """
        if self.waiting:
            return set()
        changed, self.changed = self.changed, set()
        return changed

    def poll(self, state: StateFile, now: float) -> None:
        """Read some of what is due. Raises StateError."""
        clock, hour = time.monotonic(), hour_at(now)
        began = time.thread_time()
        if clock >= self.next_hours or hour != self.hours.hour:
            self.changed |= self.look(state, hour)
            self.next_hours = clock + HOURS_EVERY_S
        while self.waiting and time.thread_time() - began < LONGEST_TURN_S:
            at = self.waiting[0]
            with state.using() as db:
                sums = read_hour(db, at)
            self.waiting.popleft()
            if hour - HOURS < at <= hour:
                self.changed |= self.hours.take(at, sums)
        if clock >= self.next_days and not self.waiting:
            self.changed |= self.read_days(state, now)
            self.next_days = clock + at_least(DAYS_EVERY_S, began)

    def read(self, state: StateFile, now: float) -> None:
        """Read all at once. Raises StateError."""
        self.poll(state, now)
        while self.waiting:
            self.poll(state, now)

    def look(self, state: StateFile, hour: int) -> set[Key]:
        """Find out which hours must be read; return the keys whose hours moved. Only the last
        two hours of a state file change, but a mirror may get others, too.
        """
        before, moved = self.hours.hour, self.hours.move_to(hour)
        is_empty = not self.hours.kept
        with state.using() as db:
            summed = read_summed(db)
        if is_empty:
            self.marks.clear()
        last = range(hour, hour - HOURS, -1)
        if summed:
            marks = {int(one): mark for one, mark in summed.items() if is_hour(one)}
            due = [one for one in last if one in marks and self.marks.get(one) != marks[one]]
            self.marks = marks
        else:
            due = list(last) if is_empty else [one for one in last if one >= before - 1]
        self.waiting.extend(one for one in due if one not in self.waiting)
        return moved

    def read_days(self, state: StateFile, now: float) -> set[Key]:
        before = self.days
        sums = sums_since(state, first_day(now, WEEK), first_day(now, MONTH))
        self.days = {one[:2]: one[2:] for one in sums}
        return differing(before, self.days)

    def start_again(self) -> None:
        """Read everything again, from another state file."""
        self.hours, self.marks = HourSums(), {}
        self.waiting.clear()
        self.next_hours = self.next_days = float("-inf")


def hour_share(up_s: float, watched_s: float) -> Share:
    """The share, as exact as a strip needs it; None if nobody watched."""
    return round(up_s / watched_s, 3) if watched_s else None


@dataclass(frozen=True, slots=True)
class Source:
    """One gateway, as the hours and days of a forward need it."""

    sums: PastSums
    up_for_s: float = 0.0
    """For how long the forward has been up there; 0: it is not, or that is this gateway."""
    has_row: bool = False
    """Whether the row is this gateway's."""


@dataclass(frozen=True, slots=True)
class Past:
    """How a forward did at all gateways lately; None: the gateway of its row did not say."""

    hours: tuple[Share, ...] | None = None
    days: tuple[Share, Share] | None = None
    """The last 7, and the last 30."""

    def into(self, known: Known) -> Known:
        if self.hours is not None:
            known = replace(known, hours=self.hours)
        return known if self.days is None else replace(known, week=self.days[0], month=self.days[1])


def at_all(key: Key, sources: Sequence[Source], hour: int) -> Past:
    """How a forward did at all gateways, up to this hour. What was up at one and then at another
    one is added up; no time is watched twice. What the gateway of the row did not tell, as an older
    release does not, stays unknown.
    """
    row = next((one.sums for one in sources if one.has_row), None)
    if row is None:
        return Past()
    return Past(
        hours=hours_at_all(key, sources, hour) if key in row.hours.kept else None,
        days=days_at_all(key, sources) if key in row.days else None,
    )


def hours_at_all(key: Key, sources: Sequence[Source], hour: int) -> tuple[Share, ...]:
    known = [(each, one.up_for_s) for one in sources if (each := one.sums.hours.of(key, hour))]
    up_s: list[float] = list(map(sum, zip(*(each[0] for each, _ in known), strict=True)))
    watched_s: list[float] = list(map(max, zip(*(each[1] for each, _ in known), strict=True)))
    for at in range(HOURS - LATE_HOURS, HOURS):
        late = [((each[0][at], each[1][at]), for_s) for each, for_s in known]
        up_s[at], watched_s[at] = up_at_all(with_late(late, HOURS_LATE_S))
    return tuple(map(hour_share, map(min, up_s, watched_s), watched_s))


def days_at_all(key: Key, sources: Sequence[Source]) -> tuple[Share, Share]:
    known = [(each, one.up_for_s) for one in sources if (each := one.sums.days.get(key))]
    week = up_at_all(with_late([(each[:2], for_s) for each, for_s in known], DAYS_LATE_S))
    month = up_at_all(with_late([(each[2:], for_s) for each, for_s in known], DAYS_LATE_S))
    return rounded(*week), rounded(*month)
