"""The part of the event log that is in memory: pages, cursor, and whether it follows. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum

from checker.rows.event_lines import BEGIN, Line, Mark, in_order, mark_of

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
    """Lines by their marks, oldest first. It follows while the cursor is on the newest one."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.marks: list[Mark] = []
        self.has_older = self.has_newer = False
        self.cursor = BEGIN
        """The mark of the line under the cursor; BEGIN: there is none."""
        self.follows = True
        self.unseen = 0
        """How many events came since it stopped following."""
        self.longest = 0
        """Cells of the longest ID of a gateway that was seen; 0: there is no fleet."""

    @property
    def place(self) -> int:
        """The cursor's place; -1 if there are no events."""
        return self.place_of(self.cursor)

    def place_of(self, mark: Mark) -> int:
        """The place of that line, else of the next one."""
        return min(bisect_left(self.marks, mark), len(self.marks) - 1)

    @property
    def selected(self) -> Line | None:
        return self.lines[self.place] if self.lines else None

    def hold(self, lines: Sequence[Line]) -> None:
        self.lines = list(lines)
        self.marks = [mark_of(line) for line in lines]
        self.longest = max((self.longest, *(len(gateway) for _, gateway in lines)))

    def take(self, way: Way, lines: Sequence[Line], *, is_last: bool) -> None:
        """Take in a page. `is_last`: nothing more lies that way."""
        match way:
            case Way.NEWEST:
                self.hold(lines)
                self.has_older, self.has_newer = not is_last, False
                self.to_end()
            case Way.OLDEST:
                self.hold(lines)
                self.has_older, self.has_newer = False, not is_last
                self.select(0)
            case Way.OLDER:
                older = [line for line in lines if not self.marks or mark_of(line) < self.marks[0]]
                whole = [*older, *self.lines]
                self.has_older = not is_last
                self.has_newer |= len(whole) > KEPT
                self.hold(whole[:KEPT])
            case Way.NEWER:
                self.append(lines)
                self.has_newer = not is_last

    def append(self, lines: Sequence[Line]) -> None:
        newer = [line for line in lines if not self.marks or mark_of(line) > self.marks[-1]]
        whole = [*self.lines, *newer]
        self.has_older |= len(whole) > KEPT
        self.hold(whole[-KEPT:])

    def arrived(self, lines: Sequence[Line]) -> None:
        """New events were written. Another gateway's may be older than some of those in memory."""
        late = [line for line in lines if self.marks and mark_of(line) < self.marks[-1]]
        if late:
            self.put_between(late)
        newer = [line for line in lines if not self.marks or mark_of(line) > self.marks[-1]]
        if self.follows:
            self.append(newer)
            self.to_end()
            return
        self.unseen += len(newer)
        if self.has_newer or len(self.lines) + len(newer) > KEPT:
            self.has_newer = True  # they are read when the cursor comes near
        else:
            self.append(newer)

    def put_between(self, late: Sequence[Line]) -> None:
        """Put these among the lines in memory; those that belong before the first one are read when
        the cursor comes near.
        """
        known, first = set(self.marks), self.marks[0]
        fitting = [line for line in late if mark_of(line) not in known and mark_of(line) > first]
        self.has_older |= any(mark_of(line) < first for line in late)
        whole = in_order((*self.lines, *fitting))
        if len(whole) > KEPT:  # keep the side of the cursor
            at_end = self.place >= len(self.lines) // 2
            self.has_older |= at_end
            self.has_newer |= not at_end
            whole = whole[-KEPT:] if at_end else whole[:KEPT]
        self.hold(whole)

    def select(self, place: int) -> None:
        """Put the cursor there, as far as there are events. On the newest event it follows."""
        if not self.lines:
            self.cursor, self.follows = BEGIN, not self.has_newer
            return
        place = max(0, min(place, len(self.lines) - 1))
        self.cursor = self.marks[place]
        self.follows = place == len(self.lines) - 1 and not self.has_newer
        if self.follows:
            self.unseen = 0

    def to_end(self) -> None:
        self.select(len(self.lines) - 1)

    @property
    def wants(self) -> Way | None:
        """The page to read now, so that the cursor does not wait for it."""
        if self.has_older and self.place < AHEAD:
            return Way.OLDER
        if self.has_newer and self.place >= len(self.lines) - AHEAD:
            return Way.NEWER
        return None

    @property
    def anchor(self) -> tuple[Mark, Mark]:
        """The first and the last mark in memory; BEGIN twice if there are no events."""
        return (self.marks[0], self.marks[-1]) if self.marks else (BEGIN, BEGIN)
