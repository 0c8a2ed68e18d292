"""What the state file has about a forward beside its row; it changes slowly, so is read seldom."""

from __future__ import annotations

import time
from collections.abc import Iterable

from checker.model import HOUR_S, Flaps, NodeName, Registration, Unregistered
from checker.rows.row import HOURS, NOTHING_MORE, Key, Known, Share
from checker.rows.uptimes import MONTH, WEEK, first_day, share_of
from checker.state.store import StateFile
from checker.state.uptimes import sums_since

CONNECTIONS_EVERY_S = 10.0
HOURS_EVERY_S = 20.0
DAYS_EVERY_S = 300.0


class Background:
    """Hours, connections and unregistered devices. Only one thread may use it."""

    def __init__(self) -> None:
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

    def is_due(self, now: float) -> bool:
        """Whether it is time to read again; `now` is wall clock time."""
        clock = time.monotonic()
        return (
            clock >= self.next_connections
            or clock >= self.next_hours
            or int(now // HOUR_S) != self.hour
        )

    def poll(self, state: StateFile, now: float, keys: Iterable[Key]) -> set[Key]:
        """Read what is due, and return those of the keys whose data changed. Raises StateError."""
        clock = time.monotonic()
        if clock >= self.next_connections:
            self.registrations = {each.node: each for each in state.registrations()}
            self.flaps = state.flaps()
            self.unregistered = {(each.node, each.port): each for each in state.unregistered()}
            self.next_connections = clock + CONNECTIONS_EVERY_S
        if clock >= self.next_hours or int(now // HOUR_S) != self.hour:
            self.read_hours(state, int(now // HOUR_S))
            self.next_hours = clock + HOURS_EVERY_S
        if clock >= self.next_days:
            self.read_days(state, now)
            self.next_days = clock + DAYS_EVERY_S
        fresh = {key: self.known_now(key) for key in keys}
        changed = {
            key for key, known in fresh.items() if known != self.shown.get(key, NOTHING_MORE)
        }
        self.shown = fresh
        return changed

    def read_hours(self, state: StateFile, hour: int) -> None:
        """Read all hours at first, and after the clock went back; then only the last two, as the
        others no longer change.
        """
        first = hour - HOURS + 1
        since = max(first, self.hour - 1) if self.hour <= hour else first
        for each in state.hours(since_hour=since):
            share = round(each.up_s / each.watched_s, 3) if each.watched_s else None
            self.hours.setdefault((each.node, each.port), {})[each.hour] = share
        if hour != self.hour:
            self.hours = {
                key: kept
                for key, theirs in self.hours.items()
                if (kept := {at: share for at, share in theirs.items() if at >= first})
            }
        self.hour = hour

    def read_days(self, state: StateFile, now: float) -> None:
        """Read the sums of the last days; they move slowly."""
        sums = sums_since(state, first_day(now, WEEK), first_day(now, MONTH))
        self.days = {
            (node, port): (rounded(up_s, watched_s), rounded(up_all_s, watched_all_s))
            for node, port, up_s, watched_s, up_all_s, watched_all_s in sums
        }

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

    def start_again(self) -> None:
        """Read everything again, from another state file."""
        self.hours.clear()
        self.hour = 0
        self.next_connections = self.next_hours = self.next_days = 0.0


def rounded(up_s: float, watched_s: float) -> Share:
    """The share, cut to a hundredth of a percent: what seldom changes is seldom reported."""
    share = share_of(up_s, watched_s)
    return None if share is None else int(share * 10000) / 10000
