"""Read all that programs which watch the whole fleet need of the state file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from checker.model import NodeName
from checker.model.glance import Glance, Seen
from checker.state.due import any_due
from checker.state.rows import sweep_from
from checker.state.schema import HOURS_SINCE, UNREGISTERED_SINCE, version_of
from checker.state.store import StateFile
from checker.state.tally import read_tally
from checker.wire import split_client

SEEN = (
    "SELECT node, port, status, latency_ms, probed_at, kills, bytes_total, pid, start_ticks, NULL"
    " FROM tunnel"
)
SEEN_DUE = (
    "SELECT node, port, status, latency_ms, probed_at, kills, bytes_total, pid, start_ticks, due_s"
    " FROM tunnel LEFT JOIN due USING (node, port)"
)
"""If some forwards are probed more seldom than the others."""
SEEN_BEFORE = (
    "SELECT node, port, status, latency_ms, probed_at, kills, NULL, pid, start_ticks, NULL"
    " FROM tunnel"
)
"""For a file of an older product."""
CLIENTS = "SELECT node, client FROM registration ORDER BY registered_at"
UNREGISTERED = "SELECT node, port FROM unregistered"


def glance(state: StateFile) -> Glance:
    """Read all of it as of one moment. Raises StateError."""
    with state.using() as db:
        db.execute("BEGIN")
        try:
            return read(db)
        finally:
            db.execute("ROLLBACK")


def read(db: sqlite3.Connection) -> Glance:
    version = version_of(db)
    is_present = version >= HOURS_SINCE
    seen = (SEEN_DUE if any_due(db) else SEEN) if is_present else SEEN_BEFORE
    plain = db.cursor()
    plain.row_factory = None  # to make a Row of each takes half as long again
    return Glance(
        seen=list(map(Seen._make, plain.execute(seen))),
        clients=clients_in(plain.execute(CLIENTS)) if is_present else {},
        unregistered=list(plain.execute(UNREGISTERED)) if version >= UNREGISTERED_SINCE else [],
        tally=read_tally(db),
        **read_sweep(db),
    )


def clients_in(rows: Iterable[tuple[NodeName, str]]) -> dict[NodeName, str]:
    """Return the client of each node's newest connection, without the word on whether it moves."""
    return {node: split_client(word)[0] for node, word in rows}


def read_sweep(db: sqlite3.Connection) -> dict[str, Any]:
    """Return what is known about the last sweep; nothing if there was none."""
    row = db.execute("SELECT * FROM sweep").fetchone()
    if row is None:
        return {}
    sweep = sweep_from(row)
    return {
        "swept_at": sweep.swept_at,
        "every_s": sweep.every_s,
        "logins_waiting": sweep.logins_waiting,
    }
