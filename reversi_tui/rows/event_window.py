"""The part of the event log that is in memory: pages, cursor, and whether it follows. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

from checker.model import Event

KEPT = 2000
"""Most events in memory, however long the log is."""
AHEAD = 150
"""With fewer events before or behind the cursor, the next page is read."""


class Way(StrEnum):
    """Which page of the log is asked for."""

    NEWEST = "newest"
    OLDEST = "oldest"
    OLDER = "older"
    NEWER = "newer"


class Window:
    """Events by their ids, oldest first. It follows while the cursor is on the newest one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ids: list[int] = []
        self.has_older = self.has_newer = False
        self.cursor = 0
        """The id of the event under the cursor; 0: there is none."""
        self.follows = True
        self.unseen = 0
        """How many events came since it stopped following."""

    @property
    def place(self) -> int:
        """The cursor's place; -1 if there are no events."""
        return self.place_of(self.cursor)

    def place_of(self, event: int) -> int:
        """The place of that event, else of the next one."""
        return min(bisect_left(self.ids, event), len(self.ids) - 1)

    @property
    def selected(self) -> Event | None:
        return self.events[self.place] if self.events else None

    def hold(self, events: Sequence[Event]) -> None:
        self.events = list(events)
        self.ids = [event.id for event in events]

    def take(self, way: Way, events: Sequence[Event], *, is_last: bool) -> None:
        """Take in a page. `is_last`: nothing more lies that way."""
        match way:
            case Way.NEWEST:
                self.hold(events)
                self.has_older, self.has_newer = not is_last, False
                self.to_end()
            case Way.OLDEST:
                self.hold(events)
                self.has_older, self.has_newer = False, not is_last
                self.select(0)
            case Way.OLDER:
                older = [event for event in events if not self.ids or event.id < self.ids[0]]
                whole = [*older, *self.events]
                self.has_older = not is_last
                self.has_newer |= len(whole) > KEPT
                self.hold(whole[:KEPT])
            case Way.NEWER:
                self.append(events)
                self.has_newer = not is_last

    def append(self, events: Sequence[Event]) -> None:
        newer = [event for event in events if not self.ids or event.id > self.ids[-1]]
        whole = [*self.events, *newer]
        self.has_older |= len(whole) > KEPT
        self.hold(whole[-KEPT:])

    def arrived(self, events: Sequence[Event]) -> None:
        """New events were written."""
        if self.follows:
            self.append(events)
            self.to_end()
            return
        self.unseen += len(events)
        if self.has_newer or len(self.events) + len(events) > KEPT:
            self.has_newer = True  # they are read when the cursor comes near
        else:
            self.append(events)

    def select(self, place: int) -> None:
        """Put the cursor there, as far as there are events. On the newest event it follows."""
        if not self.events:
            self.cursor, self.follows = 0, not self.has_newer
            return
        place = max(0, min(place, len(self.events) - 1))
        self.cursor = self.ids[place]
        self.follows = place == len(self.events) - 1 and not self.has_newer
        if self.follows:
            self.unseen = 0

    def to_end(self) -> None:
        self.select(len(self.events) - 1)

    @property
    def wants(self) -> Way | None:
        """The page to read now, so that the cursor does not wait for it."""
        if self.has_older and self.place < AHEAD:
            return Way.OLDER
        if self.has_newer and self.place >= len(self.events) - AHEAD:
            return Way.NEWER
        return None

    @property
    def anchor(self) -> tuple[int, int]:
        """The first and the last id in memory; 0 and 0 if there are no events."""
        return (self.ids[0], self.ids[-1]) if self.ids else (0, 0)
