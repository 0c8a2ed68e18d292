"""Which tables a state file or a mirror has: some came without a numbered migration."""

from __future__ import annotations

import sqlite3

HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name"


def has_table(db: sqlite3.Connection, name: str) -> bool:
    return db.execute(HAS_TABLE, {"name": name}).fetchone() is not None
