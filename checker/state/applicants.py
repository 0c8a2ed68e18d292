"""The applicants of enrolments in the state file.

Losing them loses nothing: each device asks again.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from typing import Any

from checker.model import MOST_APPLICANTS, Applicant
from checker.state.tables import has_table

ADD_APPLICANT = """
CREATE TABLE applicant (
    fingerprint   TEXT    NOT NULL PRIMARY KEY,
    enrolment     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    said          TEXT    NOT NULL,
    public_key    TEXT    NOT NULL,
    host_keys     TEXT    NOT NULL,                                 -- one a line
    peer          TEXT    NOT NULL,
    first_at      REAL    NOT NULL,                                 -- Unix seconds, UTC
    last_at       REAL    NOT NULL,
    is_rejected   INTEGER NOT NULL CHECK (is_rejected IN (0, 1))
) STRICT, WITHOUT ROWID
"""
"""Not a numbered migration, as with `said`."""
APPLICANTS = "SELECT * FROM applicant ORDER BY first_at, fingerprint LIMIT :most"
MOST_READ = 4 * MOST_APPLICANTS
"""Twice as many as wait and were rejected: root reads a file that another account wrote."""
TEXTS = ("enrolment", "name", "said", "public_key", "fingerprint", "peer")
TIMES = ("first_at", "last_at")
UPSERT_APPLICANT = """
INSERT OR REPLACE INTO applicant VALUES (
    :fingerprint, :enrolment, :name, :said, :public_key, :host_keys, :peer, :first_at, :last_at,
    :is_rejected
)
"""
DELETE_APPLICANT = "DELETE FROM applicant WHERE fingerprint = :fingerprint"


def has_applicants(db: sqlite3.Connection) -> bool:
    return has_table(db, "applicant")


def applicants_in(db: sqlite3.Connection) -> tuple[Applicant, ...]:
    """Return the applicants, the oldest first; none from a file of an older product. What we would
    not write is left out.
    """
    if not has_applicants(db):
        return ()
    rows = db.execute(APPLICANTS, {"most": MOST_READ})
    return tuple(one for row in rows if (one := applicant_from(dict(row))) is not None)


def write_applicants(
    db: sqlite3.Connection, applicants: Iterable[Applicant], dropped: Iterable[str]
) -> None:
    """Write these, and delete those with these fingerprints; the caller holds the transaction."""
    db.executemany(DELETE_APPLICANT, [{"fingerprint": one} for one in dropped])
    db.executemany(UPSERT_APPLICANT, [applicant_row(one) for one in applicants])


def applicant_row(one: Applicant) -> dict[str, Any]:
    """The columns of an applicant's row."""
    return {
        "fingerprint": one.fingerprint,
        "enrolment": one.enrolment,
        "name": one.name,
        "said": one.said,
        "public_key": one.public_key,
        "host_keys": "\n".join(one.host_keys),
        "peer": one.peer,
        "first_at": one.first_at,
        "last_at": one.last_at,
        "is_rejected": int(one.is_rejected),
    }


def applicant_from(row: dict[str, Any]) -> Applicant | None:
    """The inverse of applicant_row; None if a value is of another type."""
    found: dict[str, Any] = {name: row.get(name) for name in (*TEXTS, *TIMES)}
    host_keys = row.get("host_keys")
    if not all(isinstance(one, str) for one in (*(found[name] for name in TEXTS), host_keys)):
        return None
    if not all(isinstance(at := found[name], float) and math.isfinite(at) for name in TIMES):
        return None
    found["host_keys"] = tuple(str(host_keys).splitlines())
    return Applicant(**found, is_rejected=bool(row.get("is_rejected")))
