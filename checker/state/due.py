"""Forwards that are probed more seldom than all others, so that readers do not take them for stale.

A table of its own, and not a numbered migration, as with `said`: 0.1.0 would also fail at another
column of `tunnel`. Most of the time it is empty.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from checker.model import Tunnel
from checker.state.tables import has_table

ADD_DUE = """
CREATE TABLE due (
    node   TEXT    NOT NULL,
    port   INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    due_s  REAL    NOT NULL,                                        -- from one probe to the next
    PRIMARY KEY (node, port)
) STRICT, WITHOUT ROWID
"""
ANY_DUE = "SELECT 1 FROM due LIMIT 1"
DELETE_DUE = "DELETE FROM due WHERE node = :node AND port = :port"
PUT_DUE = """
INSERT INTO due VALUES (:node, :port, :due_s)
ON CONFLICT (node, port) DO UPDATE SET due_s = excluded.due_s WHERE due_s IS NOT excluded.due_s
"""


def has_due(db: sqlite3.Connection) -> bool:
    return has_table(db, "due")


def any_due(db: sqlite3.Connection) -> bool:
    """Whether there is such a forward; none in a file of an older product."""
    return has_due(db) and db.execute(ANY_DUE).fetchone() is not None


def write_due(db: sqlite3.Connection, tunnels: Sequence[Tunnel]) -> None:
    """Write when these tunnels are probed again."""
    wanted = [
        {"node": tunnel.node, "port": tunnel.port, "due_s": tunnel.due_s}
        for tunnel in tunnels
        if tunnel.due_s is not None
    ]
    if any_due(db):
        usual = [
            {"node": tunnel.node, "port": tunnel.port} for tunnel in tunnels if tunnel.due_s is None
        ]
        db.executemany(DELETE_DUE, usual)
    db.executemany(PUT_DUE, wanted)
