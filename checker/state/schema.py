"""The state file's tables: bring a file to this product's version, or refuse it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from checker.state.applicants import ADD_APPLICANT, has_applicants
from checker.state.due import ADD_DUE, has_due
from checker.state.errors import StateNewer
from checker.state.held import ADD_HELD, has_held
from checker.state.tables import has_table
from checker.state.tally import MAKE_TALLY, has_tally

UNREGISTERED_SINCE = 2
"""The version that brought the table `unregistered`."""
HOURS_SINCE = 3
"""The version that brought the table `hour`."""
COLUMNS_OF_EVENT = "SELECT name FROM pragma_table_info('event')"
ADD_ACT = "ALTER TABLE event ADD COLUMN act TEXT"
"""Not a numbered migration: 0.1.0 would refuse a file with a higher version, and so not start after
a rollback. It names the columns that it writes here, and ignores this one.
"""


ADD_SAID = """
CREATE TABLE said (
    port          INTEGER NOT NULL PRIMARY KEY CHECK (port BETWEEN 1 AND 65535),
    node          TEXT    NOT NULL,
    calls_itself  TEXT    NOT NULL
) STRICT
"""
"""What unregistered devices call themselves, if that is not their node's name. A table of its own,
and not a numbered migration, as with `act`: 0.1.0 would also fail at another column of
`unregistered`. A row counts only while `unregistered` has the same port and node.
"""


ADD_SHOWN = """
CREATE TABLE shown_key (
    node          TEXT    NOT NULL,
    port          INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    key           TEXT    NOT NULL,                                 -- TYPE BASE64, as pinned
    pinned        TEXT    NOT NULL,
    pid           INTEGER NOT NULL,
    start_ticks   INTEGER NOT NULL,
    at            REAL    NOT NULL,                                 -- Unix seconds, UTC
    logged        TEXT    NOT NULL,
    PRIMARY KEY (node, port)
) STRICT, WITHOUT ROWID
"""
"""The host keys that targets showed. Not a numbered migration, as with `said`."""


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have ended it already
            db.execute("ROLLBACK")
        raise


def version_of(db: sqlite3.Connection) -> int:
    """The schema's version; 0 before the first table is made."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrations() -> list[str]:
    """The numbered scripts, in order; the first makes version 1."""
    return [
        path.read_text(encoding="utf-8")
        for path in sorted(Path(__file__).with_name("migrations").glob("*.sql"))
    ]


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to this product's version.

    Raises StateNewer.
    """
    scripts = migrations()
    version = version_of(db)
    refuse_newer(path, version, len(scripts))
    for number, script in enumerate(scripts[version:], start=version + 1):
        with transaction(db):
            if version_of(db) >= number:
                continue  # another process that opened the file was quicker
            for statement in script.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number:d}")
    for is_there, statements in ADDITIONS:
        add_missing(db, is_there, statements)


def has_act(db: sqlite3.Connection) -> bool:
    return "act" in {row["name"] for row in db.execute(COLUMNS_OF_EVENT)}


def has_said(db: sqlite3.Connection) -> bool:
    return has_table(db, "said")


def has_shown(db: sqlite3.Connection) -> bool:
    return has_table(db, "shown_key")


ADDITIONS: tuple[tuple[Callable[[sqlite3.Connection], bool], Sequence[str]], ...] = (
    (has_act, (ADD_ACT,)),
    (has_said, (ADD_SAID,)),
    (has_shown, (ADD_SHOWN,)),
    (has_tally, MAKE_TALLY),
    (has_applicants, (ADD_APPLICANT,)),
    (has_due, (ADD_DUE,)),
    (has_held, (ADD_HELD,)),
)
"""What came without a numbered migration: whether it is there, and the statements that add it."""


def add_missing(
    db: sqlite3.Connection,
    is_there: Callable[[sqlite3.Connection], bool],
    statements: Sequence[str],
) -> None:
    """Carry out the statements in one transaction, unless what they add is there."""
    if is_there(db):
        return
    with transaction(db):
        if not is_there(db):  # else another process was quicker
            for statement in statements:
                db.execute(statement)


def refuse_newer(path: Path, version: int, known: int) -> None:
    """Raises StateNewer."""
    if version > known:
        raise StateNewer(path, version, known)
