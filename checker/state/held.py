"""When forwards that nobody holds were held last, as far as that is not when their status changed.

A table of its own, and not a numbered migration, as with `due`. A row counts only while `tunnel`
has the same time: an older release, after a rollback, changes only that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from checker.model import Tunnel
from checker.state.tables import has_table

ADD_HELD = """
CREATE TABLE held (
    node        TEXT    NOT NULL,
    port        INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    since       REAL    NOT NULL,                                   -- as in `tunnel`
    held_until  REAL    NOT NULL,                                   -- Unix seconds; 0: never
    PRIMARY KEY (node, port)
) STRICT, WITHOUT ROWID
"""
ANY_HELD = "SELECT 1 FROM held LIMIT 1"
DELETE_HELD = "DELETE FROM held WHERE node = :node AND port = :port"
INSERT_HELD = "INSERT OR REPLACE INTO held VALUES (:node, :port, :since, :held_until)"


def has_held(db: sqlite3.Connection) -> bool:
    return has_table(db, "held")


def any_held(db: sqlite3.Connection) -> bool:
    """Whether there is such a forward; none in a file of an older product."""
    return has_held(db) and db.execute(ANY_HELD).fetchone() is not None


def write_held(db: sqlite3.Connection, tunnels: Sequence[Tunnel]) -> None:
    """Write when these tunnels were held last."""
    known = [tunnel for tunnel in tunnels if tunnel.held_until is not None]
    if len(known) < len(tunnels) and any_held(db):
        others = [tunnel for tunnel in tunnels if tunnel.held_until is None]
        db.executemany(DELETE_HELD, [{"node": one.node, "port": one.port} for one in others])
    db.executemany(
        INSERT_HELD,
        [
            {
                "node": one.node,
                "port": one.port,
                "since": one.since,
                "held_until": one.held_until,
            }
            for one in known
            if one.since is not None
        ],
    )
