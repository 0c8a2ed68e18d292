"""Sums of hours and days: read to tell other gateways, and written to the mirrors of those."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from checker.model import hour_at
from checker.model.sums import Period, Sum, is_hour
from checker.state.schema import HOURS_SINCE, version_of
from checker.state.store import FORGET_DAYS, FORGET_HOURS, KEEP_HOURS, first_kept_day
from checker.state.tables import has_table

HOUR_MARKS = (
    "SELECT hour, count(*), sum(up_s), sum(watched_s) FROM hour WHERE hour >= :first GROUP BY hour"
)
DAY_MARKS = (
    "SELECT day, count(*), sum(up_s), sum(watched_s) FROM tunnel CROSS JOIN uptime"
    " ON uptime.node = tunnel.node AND uptime.port = tunnel.port AND day >= :first GROUP BY day"
)
"""Looks up the days of each tunnel, as up to 400 are kept. So does the next but one."""
OF_HOUR = (
    "SELECT node, port, up_s, watched_s FROM hour WHERE hour = :period"
    " AND (node, port) > (:node, :port) ORDER BY node, port LIMIT :limit"
)
ONE_HOUR = "SELECT node, port, up_s, watched_s FROM hour WHERE hour = :hour"
OF_DAY = (
    "SELECT tunnel.node, tunnel.port, up_s, watched_s FROM tunnel CROSS JOIN uptime"
    " ON uptime.node = tunnel.node AND uptime.port = tunnel.port AND day = :period"
    " WHERE (tunnel.node, tunnel.port) > (:node, :port)"
    " ORDER BY tunnel.node, tunnel.port LIMIT :limit"
)
ADD_SUMMED = """
CREATE TABLE IF NOT EXISTS summed (
    period  TEXT NOT NULL PRIMARY KEY,
    mark    TEXT NOT NULL                                           -- as that gateway said
) STRICT, WITHOUT ROWID
"""
MARKS = "SELECT period, mark FROM summed"
PUT_MARK = "INSERT OR REPLACE INTO summed VALUES (:period, :mark)"
FORGET_HOUR = "DELETE FROM hour WHERE hour = ?"
PUT_HOUR = "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)"
PUT_DAY = "INSERT OR REPLACE INTO uptime (day, node, port, up_s, watched_s) VALUES (?, ?, ?, ?, ?)"
FORGET_HOUR_MARKS = (
    "DELETE FROM summed WHERE period NOT LIKE '%-%' AND CAST(period AS INTEGER) <= :before"
)
FORGET_DAY_MARKS = "DELETE FROM summed WHERE period LIKE '%-%' AND period < :before"
NEWEST_DAY = "SELECT coalesce(max(period), '') FROM summed WHERE period LIKE '%-%'"


def read_marks(db: sqlite3.Connection, hour: int, day: str) -> dict[Period, str]:
    """Return a mark for each period from this hour and day on: it is another one when the sums are.

    None from a file of an older product.
    """
    if version_of(db) < HOURS_SINCE:
        return {}
    cursor = db.cursor()
    cursor.row_factory = None
    found = [
        *cursor.execute(HOUR_MARKS, {"first": hour}),
        *cursor.execute(DAY_MARKS, {"first": day}),
    ]
    return {str(at): f"{count}:{up_s:.0f}:{watched_s:.0f}" for at, count, up_s, watched_s in found}


def read_sums(
    db: sqlite3.Connection, period: Period, after: tuple[str, int], limit: int
) -> list[Sum]:
    """Return the sums of a period by node and port, those after this place."""
    statement = OF_HOUR if is_hour(period) else OF_DAY
    at = int(period) if is_hour(period) else period
    cursor = db.cursor()
    cursor.row_factory = None
    values = {"period": at, "node": after[0], "port": after[1], "limit": limit}
    return list(map(Sum._make, cursor.execute(statement, values)))


def read_hour(db: sqlite3.Connection, hour: int) -> list[Sum]:
    """Return the sums of an hour; none of a file of an older product."""
    if version_of(db) < HOURS_SINCE:
        return []
    cursor = db.cursor()
    cursor.row_factory = None
    return list(map(Sum._make, cursor.execute(ONE_HOUR, {"hour": hour})))


def read_summed(db: sqlite3.Connection) -> dict[Period, str]:
    """Return the periods whose sums a mirror has, and their marks; none of a state file."""
    if not has_table(db, "summed"):
        return {}
    return {row["period"]: row["mark"] for row in db.execute(MARKS)}


def put_sums(
    db: sqlite3.Connection, period: Period, mark: str, sums: Sequence[Sum], now: float
) -> None:
    """Replace the sums of a period in a mirror; the caller holds the transaction. What is older
    than in a state file goes: hours each time, days once a day.
    """
    before = hour_at(now) - KEEP_HOURS
    if is_hour(period):
        db.execute(FORGET_HOUR, (int(period),))
        db.executemany(PUT_HOUR, [(int(period), *one) for one in sums])
        db.execute(FORGET_HOURS, {"before": before})
        db.execute(FORGET_HOUR_MARKS, {"before": before})
    else:
        if period > db.execute(NEWEST_DAY).fetchone()[0]:
            first = first_kept_day(now)
            db.execute(FORGET_DAYS, {"before": first})
            db.execute(FORGET_DAY_MARKS, {"before": first})
        db.executemany(PUT_DAY, [(period, *one) for one in sums])
    db.execute(PUT_MARK, {"period": period, "mark": mark})
