"""What the state file has about a forward beside its row; it changes slowly, so is read seldom."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from checker.model import Flaps, NodeName, Registration, Unregistered, hour_at
from checker.rows.row import HOURS, NOTHING_MORE, Key, Known, Share
from checker.rows.uptimes import MONTH, WEEK, first_day, share_of
from checker.state.store import StateFile
from checker.state.uptimes import sums_since

CONNECTIONS_EVERY_S = 10.0
HOURS_EVERY_S = 20.0
DAYS_EVERY_S = 300.0
READING_SHARE = 500
"""Reading connections, and reading hours, may each take one part in so many of our time."""
K = TypeVar("K")
V = TypeVar("V")


class Background:
    """Hours, connections and unregistered devices. Only one thread may use it."""

    def __init__(self, *, has_sums: bool = True) -> None:
        """`has_sums`: whether to read hours and days, too."""
        self.has_sums = has_sums
        self.hours: dict[Key, dict[int, Share]] = {}
        self.registrations: dict[NodeName, Registration] = {}
        self.flaps: dict[NodeName, Flaps] = {}
        self.unregistered: dict[Key, Unregistered] = {}
        self.hour = 0
        """The last one read: Unix seconds // 3600."""
        self.days: dict[Key, tuple[Share, Share]] = {}
        """Shares of the last 7 and 30 days."""
        self.next_connections = self.next_hours = self.next_days = 0.0
        self.shown: dict[Key, Known] = {}
        self.nodes: set[NodeName] = set()
        """Nodes for which something was read that is not in `shown` yet."""
        self.touched: set[Key] = set()
        """Forwards for which something was."""

    def is_due(self, now: float) -> bool:
        """Whether it is time to read again; `now` is wall clock time."""
        clock = time.monotonic()
        if not self.has_sums:
            return clock >= self.next_connections
        return (
            clock >= self.next_connections or clock >= self.next_hours or hour_at(now) != self.hour
        )

    def poll(self, state: StateFile, now: float, keys: Collection[Key]) -> set[Key]:
        """Read what is due, and return those of the keys whose data changed. Raises StateError."""
        clock = time.monotonic()
        hour = hour_at(now)
        if clock >= self.next_connections:
            began = time.thread_time()
            self.nodes |= self.read_connections(state)
            self.next_connections = clock + at_least(CONNECTIONS_EVERY_S, began)
        if not self.has_sums:
            return self.look_at(keys)
        if clock >= self.next_hours or hour != self.hour:
            began = time.thread_time()
            self.read_hours(state, hour)
            self.next_hours = clock + at_least(HOURS_EVERY_S, began)
        if clock >= self.next_days:
            self.touched |= self.read_days(state, now)
            self.next_days = clock + DAYS_EVERY_S
        return self.look_at(keys)

    def look_at(self, keys: Collection[Key]) -> set[Key]:
        """Put together what is known of these keys, where something was read that may change it:
        even to look at each of 5,000 would cost more than reading. Return the keys that changed.
        """
        changed = set[Key]()
        for key in self.asked_again(keys):
            known, fresh = self.shown.get(key, NOTHING_MORE), self.known_now(key)
            if fresh != known:
                changed.add(key)
                known = fresh
            self.shown[key] = known
        self.nodes, self.touched = set(), set()
        return changed

    def asked_again(self, keys: Collection[Key]) -> list[Key]:
        """The keys of which more may be known now; forget those that are not among `keys`."""
        before, nodes, touched = self.shown, self.nodes, self.touched
        if before.keys() != keys:
            self.shown = {key: before[key] for key in keys if key in before}
        elif not (nodes or touched):
            return []
        return [key for key in keys if key in touched or key[0] in nodes or key not in self.shown]

    def read_connections(self, state: StateFile) -> set[NodeName]:
        """Read who is connected, and return the nodes for which that changed."""
        held, flaps = self.registrations, self.flaps
        self.registrations = {each.node: each for each in state.registrations()}
        self.flaps = state.flaps()
        self.unregistered = {(each.node, each.port): each for each in state.unregistered()}
        return differing(held, self.registrations) | differing(flaps, self.flaps)

    def read_hours(self, state: StateFile, hour: int) -> None:
        """Read all hours at first, and after the clock went back; then only the last two, as the
        others no longer change.
        """
        first = hour - HOURS + 1
        since = max(first, self.hour - 1) if self.hour <= hour else first
        for each in state.hours(since_hour=since):
            share = round(each.up_s / each.watched_s, 3) if each.watched_s else None
            key = (each.node, each.port)
            theirs = self.hours.setdefault(key, {})
            if each.hour not in theirs or theirs[each.hour] != share:
                theirs[each.hour] = share
                self.touched.add(key)
        if hour != self.hour:
            self.touched |= self.hours.keys()
            self.hours = {
                key: kept
                for key, theirs in self.hours.items()
                if (kept := {at: share for at, share in theirs.items() if at >= first})
            }
        self.hour = hour

    def read_days(self, state: StateFile, now: float) -> set[Key]:
        """Read the sums of the last days; they move slowly. Return the keys for which they did."""
        before = self.days
        sums = sums_since(state, first_day(now, WEEK), first_day(now, MONTH))
        self.days = {
            (node, port): (rounded(up_s, watched_s), rounded(up_all_s, watched_all_s))
            for node, port, up_s, watched_s, up_all_s, watched_all_s in sums
        }
        return differing(before, self.days)

    def known_now(self, key: Key) -> Known:
        registration, flaps, hours = (
            self.registrations.get(key[0]),
            self.flaps.get(key[0]),
            self.hours.get(key, {}),
        )
        week, month = self.days.get(key, (None, None))
        return Known(
            week=week,
            month=month,
            instance=registration.instance if registration else "",
            client=registration.client if registration else "",
            flaps=flaps.count if flaps else 0,
            hours=(
                tuple(hours.get(hour) for hour in range(self.hour - HOURS + 1, self.hour + 1))
                if hours
                else ()
            ),
        )

    def known(self, key: Key) -> Known:
        return self.shown.get(key, NOTHING_MORE)

    def with_trend(self, key: Key, trend: Sequence[float], rates: Sequence[float]) -> Known:
        """What is known of a forward, with a trend and rates that grow in place from now on."""
        known = replace(self.known(key), trend=trend, rates=rates)
        if key in self.shown:
            self.shown[key] = known
        return known

    def start_again(self) -> None:
        """Read everything again, from another state file."""
        self.touched |= self.shown.keys()
        self.hours.clear()
        self.hour = 0
        self.next_connections = self.next_hours = self.next_days = 0.0


def differing(before: Mapping[K, V], after: Mapping[K, V]) -> set[K]:
    """The keys that have another value now, or came, or went."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def at_least(seconds: float, began: float) -> float:
    """How long to wait before reading again what took the processor since `began` (thread time), so
    that a large fleet does not keep it busy.
    """
    return max(seconds, READING_SHARE * (time.thread_time() - began))


def rounded(up_s: float, watched_s: float) -> Share:
    """The share, cut to a hundredth of a percent: what seldom changes is seldom reported."""
    share = share_of(up_s, watched_s)
    return None if share is None else int(share * 10000) / 10000
