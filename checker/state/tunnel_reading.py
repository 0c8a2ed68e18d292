"""The statements that read rows of tunnels, with what is kept beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from checker.model import Tunnel
from checker.state.due import any_due
from checker.state.held import any_held
from checker.state.rows import tunnels_from

SINCE = "SELECT * FROM tunnel WHERE revision > :revision"
SINCE_DUE = (
    "SELECT tunnel.*, due_s FROM tunnel LEFT JOIN due USING (node, port) WHERE revision > :revision"
)
"""If some forwards are probed more seldom than the others."""
SINCE_HELD = (
    "SELECT tunnel.*, due_s, held_until FROM tunnel LEFT JOIN due USING (node, port)"
    " LEFT JOIN held ON held.node = tunnel.node AND held.port = tunnel.port"
    " AND held.since = tunnel.since WHERE revision > :revision"
)
"""If some were held last at another time than their status says."""


def tunnels_since(db: sqlite3.Connection, revision: int) -> Iterator[Tunnel]:
    """Yield the tunnels that were written after this revision; 0 gives all."""
    statement = SINCE_HELD if any_held(db) else SINCE_DUE if any_due(db) else SINCE
    return tunnels_from(db.execute(statement, {"revision": revision}))
