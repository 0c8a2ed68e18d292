"""Pages of one gateway's events in the order of their times, as the log of a fleet needs them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import islice

from checker.control.event_pages import PAGE, SLOW_STRIDE, STRIDE, EventPages, Superseded
from checker.model import Event
from checker.rows.event_lines import END, LinePage, Mark
from checker.state.rows import event_from

Spot = tuple[float, int]
"""The time and the id of an event."""
Span = tuple[float, int, float, int]
"""Two spots, which do not belong to it."""
BEFORE_ALL: Spot = (-1.0, -1)
AFTER_ALL: Spot = (END[0], END[2])
FEW = 1000
"""Events that are read by the index on the time; more of them are read faster by their ids."""
BY_TIME = "SELECT * FROM event INDEXED BY event_at WHERE (at, id) > (?, ?) AND (at, id) < (?, ?)"
"""That index has the ids in it, too, so nothing is sorted."""
BY_ID = "SELECT * FROM event NOT INDEXED WHERE id BETWEEN ? AND ?"
SPAN = "(at, id) > (?, ?) AND (at, id) < (?, ?)"
"""Only what is found is sorted."""
IDS = "SELECT min(id), max(id) FROM event INDEXED BY event_at WHERE at BETWEEN ? AND ?"
UNTIL = "id <= ?"
OLDEST_FIRST, NEWEST_FIRST = "ORDER BY at, id", "ORDER BY at DESC, id DESC"
EDGE_LATER = (
    "SELECT at, id FROM event INDEXED BY event_at WHERE (at, id) > (?, ?) ORDER BY at, id"
    " LIMIT 1 OFFSET ?"
)
EDGE_EARLIER = (
    "SELECT at, id FROM event INDEXED BY event_at WHERE (at, id) < (?, ?)"
    " ORDER BY at DESC, id DESC LIMIT 1 OFFSET ?"
)
"""Where a stretch of so many events ends; they read only the index."""


class TimedPages(EventPages):
    """As EventPages, a search reads a stretch of the log at a time."""

    def earlier(self, mark: Mark, count: int = PAGE) -> LinePage:
        return self.search(mark, count, newest=True)

    def later(self, mark: Mark, count: int = PAGE, *, until: int | None = None) -> LinePage:
        return self.search(mark, count, newest=False, until=until)

    def search(self, mark: Mark, count: int, *, newest: bool, until: int | None = None) -> LinePage:
        """The events next to this place, backwards if `newest`."""
        found: list[Event] = []
        size = FEW
        edge: Spot | None = self.spot(mark)
        while edge is not None and len(found) < count:
            if self.is_over():
                raise Superseded
            with self.state.using() as db:
                begin, edge = edge, edge_of(db, edge, size, newest=newest)
                span = within(begin, edge, newest=newest)
                ids = None if size == FEW else db.execute(IDS, span[::2]).fetchone()
                events = self.between(db, span, ids, until, newest=newest)
                found += islice(events, count - len(found))
            size = SLOW_STRIDE if self.wanted.rest else STRIDE
        lines = tuple((event, self.gateway) for event in (found[::-1] if newest else found))
        return LinePage(lines=lines, is_last=len(found) < count)

    def spot(self, mark: Mark) -> Spot:
        """The place among this gateway's events: of events at the same time, all of one gateway
        come before those of the next one.
        """
        at, gateway, number = mark
        if gateway == self.gateway:
            return at, number
        return at, BEFORE_ALL[1] if self.gateway > gateway else AFTER_ALL[1]

    def between(
        self,
        db: sqlite3.Connection,
        span: Span,
        ids: tuple[int, int] | None,
        until: int | None,
        *,
        newest: bool,
    ) -> Iterator[Event]:
        """The wanted events of a span, in order. `ids`: the least and the greatest of them; None:
        there are few.
        """
        clauses = [
            (BY_ID, tuple(ids)) if ids else (BY_TIME, span),
            *self.wanted.clauses,
            *([(SPAN, span)] if ids else []),
            *([] if until is None else [(UNTIL, (until,))]),
        ]
        text = " AND ".join(clause for clause, _ in clauses)
        values = [value for _, values in clauses for value in values]
        cursor = db.execute(f"{text} {NEWEST_FIRST if newest else OLDEST_FIRST}", values)
        try:
            yield from filter(self.wanted.takes, map(event_from, cursor))
        finally:
            cursor.close()


def edge_of(db: sqlite3.Connection, begin: Spot, size: int, *, newest: bool) -> Spot | None:
    """The last of so many events; None if there are fewer."""
    edge = db.execute(EDGE_EARLIER if newest else EDGE_LATER, (*begin, size - 1)).fetchone()
    return edge and (edge["at"], edge["id"])


def within(begin: Spot, edge: Spot | None, *, newest: bool) -> Span:
    """What the events from `begin`, without it, to `edge` lie between; None: to the end."""
    if newest:
        return (*(BEFORE_ALL if edge is None else (edge[0], edge[1] - 1)), *begin)
    return (*begin, *(AFTER_ALL if edge is None else (edge[0], edge[1] + 1)))
