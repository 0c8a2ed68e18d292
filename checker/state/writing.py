"""The statements that write a batch of facts to the state file."""

from __future__ import annotations

import sqlite3

from checker.state.applicants import write_applicants
from checker.state.due import DELETE_DUE, write_due
from checker.state.held import DELETE_HELD, write_held
from checker.state.rows import (
    Batch,
    event_row,
    registration_row,
    session_columns,
    shown_row,
    sweep_row,
    tunnel_row,
    unregistered_row,
)

NEXT_REVISION = (
    "SELECT 1 + max(coalesce((SELECT max(revision) FROM tunnel), 0), coalesce((SELECT revision FROM"
    " sweep), 0))"
)
NOTE_REVISION = "UPDATE sweep SET revision = :revision"
RENAMES = (
    "UPDATE OR REPLACE tunnel SET node = :new, revision = :revision WHERE node = :old",
    "UPDATE OR REPLACE flaps SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE registration SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE uptime SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE hour SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE shown_key SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE due SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE held SET node = :new WHERE node = :old",
    "UPDATE event SET node = :new WHERE node = :old",
)
UPSERT_TUNNEL = """
INSERT INTO tunnel VALUES (
    :node, :port, :status, :detail, :latency_ms, :pid, :start_ticks, :peer, :since, :probed_at,
    :checked_at, :failures, :kills, :strikes, :verdict, :revision, :bytes_total, :answer
)
ON CONFLICT (node, port) DO UPDATE SET
    status = excluded.status, detail = excluded.detail, latency_ms = excluded.latency_ms,
    pid = excluded.pid, start_ticks = excluded.start_ticks, peer = excluded.peer,
    since = excluded.since, probed_at = excluded.probed_at, checked_at = excluded.checked_at,
    failures = excluded.failures, kills = excluded.kills, strikes = excluded.strikes,
    verdict = excluded.verdict, revision = excluded.revision, bytes_total = excluded.bytes_total,
    answer = excluded.answer
"""
DELETE_TUNNEL = "DELETE FROM tunnel WHERE node = :node AND port = :port"
DELETE_SHOWN = "DELETE FROM shown_key WHERE node = :node AND port = :port"
UPSERT_SHOWN = """
INSERT OR REPLACE INTO shown_key VALUES (
    :node, :port, :key, :pinned, :pid, :start_ticks, :at, :logged
)
"""
UPSERT_FLAPS = "INSERT OR REPLACE INTO flaps VALUES (:node, :count, :last_at, :pid, :start_ticks)"
UPSERT_REGISTRATION = """
INSERT OR REPLACE INTO registration VALUES (
    :node, :instance, :pid, :start_ticks, :peer, :registered_at, :inodes, :client
)
"""
DELETE_REGISTRATION = (
    "DELETE FROM registration WHERE node = :node AND pid = :pid AND start_ticks = :start_ticks"
)
UPSERT_UNREGISTERED = (
    "INSERT OR REPLACE INTO unregistered VALUES (:port, :node, :expect, :first_at, :last_at)"
)
UPSERT_SAID = "INSERT OR REPLACE INTO said VALUES (:port, :node, :calls_itself)"
DELETE_SAID = "DELETE FROM said WHERE port = :port"
DELETE_UNREGISTERED = "DELETE FROM unregistered WHERE port = :port AND node = :node"
DELETE_FLAPS = "DELETE FROM flaps WHERE node = :node"
INSERT_EVENT = (
    "INSERT INTO event (at, kind, act, node, port, actor, text) VALUES (:at, :kind, :act, :node,"
    " :port, :actor, :text)"
)
ADD_UPTIME = """
INSERT INTO uptime VALUES (:node, :port, :day, :up_s, :watched_s)
ON CONFLICT (node, port, day) DO UPDATE SET
    up_s = up_s + excluded.up_s, watched_s = watched_s + excluded.watched_s
"""
ADD_HOUR = """
INSERT INTO hour VALUES (:hour, :node, :port, :up_s, :watched_s)
ON CONFLICT (hour, node, port) DO UPDATE SET
    up_s = up_s + excluded.up_s, watched_s = watched_s + excluded.watched_s
"""
UPSERT_SWEEP = (
    "INSERT OR REPLACE INTO sweep VALUES (1, :pid, :swept_at, :every_s, :revision, :logins_waiting)"
)


def write_batch(db: sqlite3.Connection, batch: Batch) -> None:
    """Write the whole batch; the caller holds the transaction.

    The order matters: renames come before all else, and what was forgotten and is back stays.
    """
    revision = next_revision(db)
    db.execute(NOTE_REVISION, {"revision": revision})
    for statement in RENAMES:
        db.executemany(
            statement,
            [{"old": old, "new": new, "revision": revision} for old, new in batch.renamed],
        )
    write_tunnels(db, batch, revision)
    write_registrations(db, batch)
    write_unregistered(db, batch)
    write_applicants(db, batch.applicants, batch.dropped)
    db.executemany(INSERT_EVENT, [event_row(event) for event in batch.events])
    write_uptime(db, batch)
    if batch.sweep:
        db.execute(UPSERT_SWEEP, sweep_row(batch.sweep, revision))


def next_revision(db: sqlite3.Connection) -> int:
    """A number higher than that of every row, and of every row that was deleted."""
    return int(db.execute(NEXT_REVISION).fetchone()[0])


def write_tunnels(db: sqlite3.Connection, batch: Batch, revision: int) -> None:
    forgotten = [{"node": node, "port": port} for node, port in batch.forgotten]
    db.executemany(DELETE_TUNNEL, forgotten)
    db.executemany(DELETE_SHOWN, forgotten)
    db.executemany(DELETE_DUE, forgotten)
    db.executemany(DELETE_HELD, forgotten)
    db.executemany(UPSERT_SHOWN, [shown_row(shown) for shown in batch.shown])
    db.executemany(UPSERT_TUNNEL, [tunnel_row(tunnel, revision) for tunnel in batch.tunnels])
    write_due(db, batch.tunnels)
    write_held(db, batch.tunnels)
    db.executemany(
        UPSERT_FLAPS,
        [
            {
                "node": node,
                "count": flaps.count,
                "last_at": flaps.last_at,
                **session_columns(flaps.session),
            }
            for node, flaps in batch.flaps
        ],
    )


def write_registrations(db: sqlite3.Connection, batch: Batch) -> None:
    db.executemany(UPSERT_REGISTRATION, [registration_row(one) for one in batch.registrations])
    db.executemany(DELETE_REGISTRATION, [registration_row(one) for one in batch.ended])


def write_unregistered(db: sqlite3.Connection, batch: Batch) -> None:
    """The unregistered devices; the flaps of one that is gone go too."""
    places = [{"port": one.port, "node": one.node} for one in batch.gone]
    flapped = {name for name, _ in batch.flaps}
    db.executemany(DELETE_UNREGISTERED, places)
    db.executemany(DELETE_FLAPS, [place for place in places if place["node"] not in flapped])
    db.executemany(UPSERT_UNREGISTERED, [unregistered_row(one) for one in batch.unregistered])
    said = [
        {"port": one.port, "node": one.node, "calls_itself": one.calls_itself}
        for one in batch.unregistered
        if one.calls_itself
    ]
    db.executemany(DELETE_SAID, [*places, *({"port": one.port} for one in batch.unregistered)])
    db.executemany(UPSERT_SAID, said)


def write_uptime(db: sqlite3.Connection, batch: Batch) -> None:
    """Add to the daily and the hourly roll-up."""
    db.executemany(
        ADD_UPTIME,
        [
            {"node": n, "port": p, "day": w.day, "up_s": w.up_s, "watched_s": w.watched_s}
            for n, p, w in batch.uptime
            if w.watched_s
        ],
    )
    db.executemany(ADD_HOUR, [hour._asdict() for hour in batch.hours])
