"""The days, hours and changes of status of many forwards, one after the other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, cast

from checker.model import NodeName, Port, Watched
from checker.state.schema import HOURS_SINCE, version_of
from checker.state.store import StateFile, open_reader

DAYS = (
    "SELECT node, port, day, up_s, watched_s FROM uptime"
    " WHERE day >= :since AND day < :until ORDER BY node, port, day"
)
DAYS_OF = (
    "SELECT node, port, day, up_s, watched_s FROM uptime"
    " WHERE node IN (SELECT value FROM json_each(:nodes)) AND day >= :since AND day < :until"
    " ORDER BY node, port, day"
)
LATELY = (
    "SELECT node, port, sum(up_s), sum(watched_s) FROM hour WHERE hour >= :hour GROUP BY node, port"
)
SUMS = (
    "SELECT tunnel.node, tunnel.port, sum(CASE WHEN day >= :late THEN up_s ELSE 0 END),"
    " sum(CASE WHEN day >= :late THEN watched_s ELSE 0 END), sum(up_s), sum(watched_s)"
    " FROM tunnel CROSS JOIN uptime ON uptime.node = tunnel.node AND uptime.port = tunnel.port"
    " AND day >= :early GROUP BY tunnel.node, tunnel.port"
)
"""Looks up the days of each tunnel: up to 400 are kept, and only the last are asked for."""
FIRST_EVENT = "SELECT at FROM event ORDER BY id LIMIT 1"
CHANGES = (
    "SELECT node, port, at, kind, substr(text, 1, 32) FROM event"
    " WHERE at >= :since AND at < :until AND kind IN ('status', 'kill')"
    " AND node IS NOT NULL AND port IS NOT NULL ORDER BY node, port, id"
)
CHANGES_OF = (
    "SELECT node, port, at, kind, substr(text, 1, 32) FROM event"
    " WHERE node IN (SELECT value FROM json_each(:nodes)) AND at >= :since AND at < :until"
    " AND kind IN ('status', 'kill') AND port IS NOT NULL ORDER BY node, port, id"
)
"""The text begins with both statuses: `up -> down`."""

Place = tuple[NodeName, Port]
Day = tuple[str, float, float]
"""Day, seconds up, seconds watched."""
Changed = tuple[float, str, str]
"""Time, kind and text of an event."""
R = TypeVar("R")


class ByForward(Generic[R]):
    """Rows in the order of their forwards; only those of one forward are in memory."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.groups = groupby(rows, key=itemgetter(0, 1))
        self.ahead = next(self.groups, None)

    def of(self, place: Place) -> list[R]:
        """The forward's rows. Each forward asked for comes after the one before."""
        while self.ahead is not None and self.ahead[0] < place:
            self.ahead = next(self.groups, None)
        if self.ahead is None or self.ahead[0] != place:
            return []
        found = [row[2:] for row in self.ahead[1]]
        self.ahead = next(self.groups, None)
        return cast("list[R]", found)


class History(NamedTuple):
    """What the state file has about forwards in some days."""

    days: ByForward[Day]
    changes: ByForward[Changed]
    """The events that report a change of status, in their order."""
    lately: Mapping[Place, Watched]
    """The sums of the last hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Which days, events and hours are asked for."""

    days: tuple[str, str]
    """The first, and the one after the last."""
    at: tuple[float, float]
    """The same as Unix seconds."""
    hour: int
    """The first hour: Unix seconds // 3600."""


@contextmanager
def history(
    path: Path, times: Times, nodes: Collection[NodeName] | None = None
) -> Iterator[History]:
    """Read what the state file has about all nodes, or about these. Raises StateError,
    StateMissing.
    """
    values: dict[str, object] = dict(zip(("since", "until"), times.days, strict=True))
    at: dict[str, object] = dict(zip(("since", "until"), times.at, strict=True))
    if nodes is not None:
        values["nodes"] = at["nodes"] = json.dumps(sorted(nodes))
    with closing(open_reader(path)) as state, state.using() as db:
        hours = () if version_of(db) < HOURS_SINCE else rows(db, LATELY, {"hour": times.hour})
        yield History(
            days=ByForward(rows(db, DAYS if nodes is None else DAYS_OF, values)),
            changes=ByForward(rows(db, CHANGES if nodes is None else CHANGES_OF, at)),
            lately={
                (node, port): Watched(day="", up_s=up_s, watched_s=watched_s)
                for node, port, up_s, watched_s in hours
            },
        )


def first_event_at(state: StateFile) -> float | None:
    """When the oldest event was, Unix seconds; None if there is none. Raises StateError."""
    with state.using() as db:
        found = rows(db, FIRST_EVENT, {}).fetchone()
    return None if found is None else float(found[0])


def sums_since(state: StateFile, late: str, early: str) -> list[tuple[Any, ...]]:
    """Node, port, and the seconds up and watched: first of the days from `late` on, then of those
    from `early` on. Raises StateError.
    """
    with state.using() as db:
        return rows(db, SUMS, {"late": late, "early": early}).fetchall()


def rows(db: sqlite3.Connection, statement: str, values: Mapping[str, object]) -> sqlite3.Cursor:
    """What it selects, as plain tuples: to make a Row of each takes half as long again."""
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor.execute(statement, values)
