"""Which events of the log are asked for, and finding them, in SQL as far as that is quick."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from checker.model import Event, EventKind, NodeName
from checker.state.rows import event_from, stored_kind

FIRST_SINCE = "SELECT min(+id) FROM event WHERE at >= :since"
LAST_UNTIL = "SELECT max(+id) FROM event WHERE at < :until"
"""Both read only the index on `at`; with `id` in place of `+id` SQLite would read the table. What
lies between is then read by id, in the log's order.
"""
SELECT_EVENTS = "SELECT * FROM event WHERE id > :after"
CLAUSES = {
    "since": "AND at >= :since",
    "until": "AND id <= :last AND at < :until",
    "kinds": "AND kind IN (SELECT value FROM json_each(:kinds))",
    "actors": "AND actor IN (SELECT value FROM json_each(:actors))",
    "node": "AND node = :node",
}
"""Only those that are asked for are in the statement, so that SQLite may use an index."""
OLDEST_FIRST, NEWEST_FIRST = "ORDER BY id LIMIT :page", "ORDER BY id DESC"
PAGE = 2000
"""Rows read at a time: nothing holds the daemon up while a pager waits for its reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events are asked for; an empty set asks for all."""

    after: int = 0
    """Only events with a greater id."""
    limit: int | None = None
    """Only the newest; None: all."""
    since: float | None = None
    """Unix seconds."""
    until: float | None = None
    """Unix seconds; the event at that time is not among them."""
    kinds: frozenset[EventKind] = frozenset()
    actors: frozenset[str] = frozenset()
    nodes: frozenset[NodeName] = frozenset()
    gateway: str = ""
    """The ID of the gateway that the events are from; empty: it is in no fleet."""
    holds: Callable[[Event, str], bool] | None = None
    """What else must be true of an event of that gateway."""

    def takes(self, event: Event) -> bool:
        """Whether the event is one, as far as SQL does not decide it."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.nodes or event.node in self.nodes)
            and (self.holds is None or self.holds(event, self.gateway))
        )


def values_of(db: sqlite3.Connection, wanted: Wanted) -> dict[str, Any] | None:
    """The values for the statements; None if no event is in that time."""
    values: dict[str, Any] = {"after": wanted.after, "page": PAGE}
    if wanted.since is not None:
        (first,) = db.execute(FIRST_SINCE, {"since": wanted.since}).fetchone()
        if first is None:
            return None
        values.update(since=wanted.since, after=max(wanted.after, first - 1))
    if wanted.until is not None:
        (last,) = db.execute(LAST_UNTIL, {"until": wanted.until}).fetchone()
        if last is None:
            return None
        values.update(until=wanted.until, last=last)
    if wanted.kinds:
        values["kinds"] = json.dumps(sorted({stored_kind(kind) for kind in wanted.kinds}))
    if wanted.actors:
        values["actors"] = json.dumps(sorted(wanted.actors))
    if len(wanted.nodes) == 1:
        (values["node"],) = wanted.nodes
    return values


def statement(values: Mapping[str, Any], order: str) -> str:
    return " ".join(
        (SELECT_EVENTS, *(text for name, text in CLAUSES.items() if name in values), order)
    )


def newest_events(db: sqlite3.Connection, values: Mapping[str, Any], wanted: Wanted) -> list[Event]:
    """The newest wanted events, oldest first, as many as the limit allows."""
    rows = db.execute(statement(values, NEWEST_FIRST), values)
    found = filter(wanted.takes, map(event_from, rows))
    return list(islice(found, wanted.limit))[::-1]


def page_of_events(
    db: sqlite3.Connection, values: Mapping[str, Any], wanted: Wanted
) -> tuple[list[Event], int | None]:
    """The wanted events of the next rows, and the id after which to go on; None: there are no
    more rows.
    """
    events = [event_from(row) for row in db.execute(statement(values, OLDEST_FIRST), values)]
    last = events[-1].id if len(events) == PAGE else None
    return [event for event in events if wanted.takes(event)], last
