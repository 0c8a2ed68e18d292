"""How many events of some kinds there were in all, which outlasts the events themselves.

SQLite counts by a trigger, so an event that an older release writes after a rollback counts, too.
Not a numbered migration: 0.1.0 would refuse a file with a higher version (see `schema`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

COUNTED = ("kill", "refused", "clone")
HAS_TALLY = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = 'event_tally'"
MAKE_TALLY = (
    """
    CREATE TABLE tally (
        kind  TEXT    NOT NULL PRIMARY KEY CHECK (kind IN ('kill', 'refused', 'clone')),
        count INTEGER NOT NULL
    ) STRICT
    """,
    """
    INSERT INTO tally
    SELECT kind, COUNT(*) FROM event WHERE kind IN ('kill', 'refused', 'clone') GROUP BY kind
    """,
    """
    CREATE TRIGGER event_tally AFTER INSERT ON event
    WHEN NEW.kind IN ('kill', 'refused', 'clone')
    BEGIN
        INSERT INTO tally VALUES (NEW.kind, 1) ON CONFLICT (kind) DO UPDATE SET count = count + 1;
    END
    """,
)
"""It starts with the events that are still there."""


def has_tally(db: sqlite3.Connection) -> bool:
    return db.execute(HAS_TALLY).fetchone() is not None


def read_tally(db: sqlite3.Connection) -> Mapping[str, int]:
    """Return the number of events by kind; none from a file of an older release."""
    if not has_tally(db):
        return {}
    return {row["kind"]: row["count"] for row in db.execute("SELECT kind, count FROM tally")}
