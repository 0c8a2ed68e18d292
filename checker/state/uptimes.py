"""The days, hours and changes of status of many forwards at once, as plain tuples."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from checker.model import NodeName, Port
from checker.state.schema import HOURS_SINCE, version_of
from checker.state.store import StateFile

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
    "SELECT node, port, sum(CASE WHEN day >= :late THEN up_s ELSE 0 END),"
    " sum(CASE WHEN day >= :late THEN watched_s ELSE 0 END), sum(up_s), sum(watched_s)"
    " FROM uptime WHERE day >= :early GROUP BY node, port"
)
CHANGES = (
    "SELECT node, port, at, kind, substr(text, 1, 32) FROM event"
    " WHERE at >= :since AND at < :until AND kind IN ('status', 'kill') ORDER BY id"
)
CHANGES_OF = (
    "SELECT node, port, at, kind, substr(text, 1, 32) FROM event"
    " WHERE node IN (SELECT value FROM json_each(:nodes)) AND at >= :since AND at < :until"
    " AND kind IN ('status', 'kill') ORDER BY id"
)
"""The text begins with both statuses: `up -> down`."""

Day = tuple[NodeName, Port, str, float, float]
"""Day, seconds up, seconds watched."""
Lately = tuple[NodeName, Port, float, float]
Sums = tuple[NodeName, Port, float, float, float, float]
"""Seconds up and watched, first of the later days, then of all."""
Changed = tuple[NodeName, Port, float, str, str]
"""Time, kind and text of an event."""


def days_between(
    state: StateFile, since: str, until: str, nodes: Collection[NodeName] | None = None
) -> list[Day]:
    """The days from `since` up to the one before `until`, by forward; of all nodes, or of these.

    Raises StateError.
    """
    found: list[Day] = rows_of(state, DAYS, DAYS_OF, {"since": since, "until": until}, nodes)
    return found


def changes_between(
    state: StateFile, since: float, until: float, nodes: Collection[NodeName] | None = None
) -> list[Changed]:
    """The events of that time that report a change of status, in their order. Raises StateError."""
    found: list[Changed] = rows_of(
        state, CHANGES, CHANGES_OF, {"since": since, "until": until}, nodes
    )
    return found


def lately(state: StateFile, hour: int) -> list[Lately]:
    """The sums of the hours from this one (Unix seconds // 3600) on; none from an older product's
    file. Raises StateError.
    """
    with state.using() as db:
        if version_of(db) < HOURS_SINCE:
            return []
    found: list[Lately] = rows_of(state, LATELY, "", {"hour": hour}, None)
    return found


def sums_since(state: StateFile, late: str, early: str) -> list[Sums]:
    """The sums of the days from `late` on, and from `early` on. Raises StateError."""
    found: list[Sums] = rows_of(state, SUMS, "", {"late": late, "early": early}, None)
    return found


def rows_of(
    state: StateFile,
    of_all: str,
    of_some: str,
    values: dict[str, object],
    nodes: Collection[NodeName] | None,
) -> list[Any]:
    """What the statement for all nodes, or the one for some, selects."""
    with state.using() as db:
        cursor = db.cursor()
        cursor.row_factory = None  # to make a Row of each takes half as long again
        if nodes is None:
            return cursor.execute(of_all, values).fetchall()
        return cursor.execute(of_some, {**values, "nodes": json.dumps(sorted(nodes))}).fetchall()
