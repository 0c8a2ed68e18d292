"""The state file: what was seen. SQLite in WAL mode; one writer, and readers that pay for what
changed alone.

Losing it loses no tunnel: the next sweep sees everything again.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.model import (
    HOUR_S,
    CheckerError,
    Event,
    Flaps,
    Hour,
    NodeName,
    Port,
    Registration,
    Tunnel,
    Unregistered,
    Watched,
)
from checker.state.rows import (
    Batch,
    Sweep,
    event_from,
    event_row,
    process_from,
    registration_from,
    registration_row,
    session_columns,
    sweep_from,
    sweep_row,
    tunnel_from,
    tunnel_row,
    unregistered_from,
    unregistered_row,
)

KEEP_EVENTS_S = 90 * 86400
KEEP_DAYS = 400
KEEP_HOURS = 48
UNREGISTERED_SINCE = 2
"""The version of the schema that has a table of them."""
HOURS_SINCE = 3
BUSY_MS = 5000
NO_SHARED_MEMORY = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_SHMSIZE}
)
"""Errors of who may not, or for want of room can not, make it. Source: sqlite.org/rescode.html."""
LEAST_ROOM = 1 << 18
"""Bytes that a log and its index take to begin with, and some more."""
TUNNELS_SINCE = "SELECT * FROM tunnel WHERE revision > :revision"
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
NEXT_REVISION = (
    "SELECT 1 + max(coalesce((SELECT max(revision) FROM tunnel), 0), coalesce((SELECT revision FROM"
    " sweep), 0))"
)
KEEP_REVISION = "UPDATE sweep SET revision = :revision"
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
DELETE_UNREGISTERED = "DELETE FROM unregistered WHERE port = :port AND node = :node"
DELETE_FLAPS = "DELETE FROM flaps WHERE node = :node"
INSERT_EVENT = (
    "INSERT INTO event (at, kind, node, port, actor, text) VALUES (:at, :kind, :node, :port,"
    " :actor, :text)"
)
FORGET_EVENTS = "DELETE FROM event WHERE at < :before"
FORGET_DAYS = "DELETE FROM uptime WHERE day < :before"
FORGET_HOURS = "DELETE FROM hour WHERE hour <= :before"
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
HOURS_SINCE_HOUR = "SELECT node, port, hour, up_s, watched_s FROM hour WHERE hour >= :hour"
RENAMES = (
    "UPDATE OR REPLACE tunnel SET node = :new, revision = :revision WHERE node = :old",
    "UPDATE OR REPLACE flaps SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE registration SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE uptime SET node = :new WHERE node = :old",
    "UPDATE OR REPLACE hour SET node = :new WHERE node = :old",
    "UPDATE event SET node = :new WHERE node = :old",
)
NOTE_REVISION = "UPDATE sweep SET revision = :revision"
UPSERT_SWEEP = (
    "INSERT OR REPLACE INTO sweep VALUES (1, :pid, :swept_at, :every_s, :revision, :logins_waiting)"
)
EVENTS_AFTER = """
SELECT * FROM (
    SELECT * FROM event WHERE id > :after AND (:node IS NULL OR node = :node)
    ORDER BY id DESC LIMIT :limit
) ORDER BY id
"""
UPTIME_SINCE = (
    "SELECT day, up_s, watched_s FROM uptime WHERE node = :node AND port = :port AND day >= :day"
    " ORDER BY day"
)


class StateError(CheckerError):
    """The state file can not be used."""


class StateCorrupt(StateError):
    """The file is not the database that we wrote."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the state file {path} is damaged ({why}); the daemon moves it aside when it starts:"
            " reversi-checker serve"
        )


class StateMissing(StateError):
    """There is no state file yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no state file {path} yet; start reversi-checker serve or up")


class StateUnavailable(StateError):
    """Busy, read-only, or its disk is full."""

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        usual = f"check the disk's free space and the permissions of {path.parent}"
        super().__init__(f"the state file {path} can not be used ({why}); {advice or usual}")


class StateNewer(StateUnavailable):
    """A newer release wrote it, and knows more tables than we do."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            path,
            f"it was written by a newer reversi: schema {version}, this one knows {known}",
            "install that release again, or move the file away: its history goes with it, and no"
            " tunnel",
        )


class StateFile:
    """An open state file. Safe to use from several threads; each call is one transaction."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self.db = db
        self.lock = threading.Lock()

    def close(self) -> None:
        with self.lock:
            self.db.close()

    @contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, and SQLite's errors as ours. Raises StateCorrupt, StateUnavailable."""
        with self.lock, translated(self.path):
            yield self.db

    def changed_token(self) -> int:
        """A number that differs once another connection wrote; costs next to nothing."""
        with self.using() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def tunnels(self, *, since_revision: int = 0) -> tuple[Tunnel, ...]:
        """Tunnels whose revision is newer."""
        with self.using() as db:
            return tuple(
                tunnel_from(row) for row in db.execute(TUNNELS_SINCE, {"revision": since_revision})
            )

    def registrations(self) -> tuple[Registration, ...]:
        with self.using() as db:
            return tuple(
                registration_from(row)
                for row in db.execute("SELECT * FROM registration ORDER BY registered_at")
            )

    def unregistered(self) -> tuple[Unregistered, ...]:
        """The devices that the registry does not know, by port; none in a file that an older
        product wrote.
        """
        with self.using() as db:
            if int(db.execute("PRAGMA user_version").fetchone()[0]) < UNREGISTERED_SINCE:
                return ()
            return tuple(
                unregistered_from(row)
                for row in db.execute("SELECT * FROM unregistered ORDER BY port")
            )

    def flaps(self) -> dict[NodeName, Flaps]:
        with self.using() as db:
            rows = db.execute("SELECT * FROM flaps").fetchall()
        return {
            NodeName(row["node"]): Flaps(
                count=row["count"], last_at=row["last_at"], session=process_from(row)
            )
            for row in rows
        }

    def events(
        self, *, after: int = 0, limit: int = 100, node: NodeName | None = None
    ) -> tuple[Event, ...]:
        """The newest events with an id greater than `after`, oldest first."""
        with self.using() as db:
            rows = db.execute(
                EVENTS_AFTER, {"after": after, "limit": limit, "node": node}
            ).fetchall()
        return tuple(event_from(row) for row in rows)

    def uptime(self, node: NodeName, port: Port, *, since_day: str) -> tuple[Watched, ...]:
        """The daily roll-up of a forward, oldest first; days that nobody watched are not there."""
        with self.using() as db:
            rows = db.execute(
                UPTIME_SINCE, {"node": node, "port": port, "day": since_day}
            ).fetchall()
        return tuple(
            Watched(day=row["day"], up_s=row["up_s"], watched_s=row["watched_s"]) for row in rows
        )

    def hours(self, *, since_hour: int) -> tuple[Hour, ...]:
        """The hourly roll-up of all forwards, from this hour (Unix seconds // 3600) on; none in a
        file that an older product wrote.
        """
        with self.using() as db:
            if int(db.execute("PRAGMA user_version").fetchone()[0]) < HOURS_SINCE:
                return ()
            cursor = db.cursor()
            cursor.row_factory = None  # a Row for each would take half as long again
            rows = cursor.execute(HOURS_SINCE_HOUR, {"hour": since_hour}).fetchall()
        return tuple(map(Hour._make, rows))

    def last_sweep(self) -> Sweep | None:
        with self.using() as db:
            row = db.execute("SELECT * FROM sweep").fetchone()
        return row and sweep_from(row)

    def write(self, batch: Batch) -> None:
        """All of the batch, or nothing of it. Raises StateError."""
        with self.using() as db, transaction(db):
            revision = int(db.execute(NEXT_REVISION).fetchone()[0])
            db.execute(KEEP_REVISION, {"revision": revision})
            for statement in RENAMES:
                db.executemany(
                    statement,
                    [{"old": old, "new": new, "revision": revision} for old, new in batch.renamed],
                )
            db.executemany(
                DELETE_TUNNEL, [{"node": node, "port": port} for node, port in batch.forgotten]
            )
            # forgotten and back: there
            db.executemany(
                UPSERT_TUNNEL, [tunnel_row(tunnel, revision) for tunnel in batch.tunnels]
            )
            db.executemany(
                UPSERT_FLAPS,
                [
                    {
                        "node": node,
                        "count": f.count,
                        "last_at": f.last_at,
                        **session_columns(f.session),
                    }
                    for node, f in batch.flaps
                ],
            )
            db.executemany(
                UPSERT_REGISTRATION,
                [registration_row(registration) for registration in batch.registrations],
            )
            db.executemany(
                DELETE_REGISTRATION,
                [registration_row(registration) for registration in batch.ended],
            )
            self.write_unregistered(db, batch)
            db.executemany(INSERT_EVENT, [event_row(event) for event in batch.events])
            db.executemany(
                ADD_UPTIME,
                [
                    {"node": n, "port": p, "day": w.day, "up_s": w.up_s, "watched_s": w.watched_s}
                    for n, p, w in batch.uptime
                    if w.watched_s
                ],
            )
            db.executemany(ADD_HOUR, [hour._asdict() for hour in batch.hours])
            db.execute(NOTE_REVISION, {"revision": revision})
            if batch.sweep:
                db.execute(UPSERT_SWEEP, sweep_row(batch.sweep, revision))

    def write_unregistered(self, db: sqlite3.Connection, batch: Batch) -> None:
        """Within the transaction of `write`."""
        places = [{"port": one.port, "node": one.node} for one in batch.gone]
        db.executemany(DELETE_UNREGISTERED, places)
        db.executemany(
            DELETE_FLAPS,
            [place for place in places if place["node"] not in {name for name, _ in batch.flaps}],
        )
        db.executemany(UPSERT_UNREGISTERED, [unregistered_row(one) for one in batch.unregistered])

    def prune(self, now: float) -> None:
        """Forget events of more than 90 days, and roll-ups of more than 400 days or 48 hours."""
        day = time.strftime("%Y-%m-%d", time.gmtime(now - KEEP_DAYS * 86400))
        with self.using() as db, transaction(db):
            db.execute(FORGET_EVENTS, {"before": now - KEEP_EVENTS_S})
            db.execute(FORGET_DAYS, {"before": day})
            db.execute(FORGET_HOURS, {"before": int(now // HOUR_S) - KEEP_HOURS})


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


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StateUnavailable(path, str(error)) from error
    except sqlite3.IntegrityError:
        raise  # a value that we should not have written: our bug, not the file's
    except sqlite3.DatabaseError as error:
        raise StateCorrupt(path, str(error)) from error


def migrations() -> list[str]:
    """The numbered scripts, in order; the first makes version 1."""
    return [
        path.read_text(encoding="utf-8")
        for path in sorted(Path(__file__).with_name("migrations").glob("*.sql"))
    ]


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to this product's version. Raises StateUnavailable for a file of a newer
    product.
    """
    scripts = migrations()
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    refuse_newer(path, version, len(scripts))
    for number, script in enumerate(scripts[version:], start=version + 1):
        with transaction(db):
            if int(db.execute("PRAGMA user_version").fetchone()[0]) >= number:
                continue  # another first starter was quicker
            for statement in script.split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {number:d}")


def refuse_newer(path: Path, version: int, known: int) -> None:
    """Raises StateNewer."""
    if version > known:
        raise StateNewer(path, version, known)


def connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
    )
    db.row_factory = sqlite3.Row
    return db


def make_for_daemon(path: Path) -> None:
    """An empty state file of the directory's owner, if root finds none: else a daemon with an
    account of its own could not write it.

    SQLite gives the files beside it the same owner. Raises StateUnavailable.
    """
    if os.geteuid() != 0:
        return
    try:
        # O_EXCL: the daemon's account must not lead us elsewhere by a link
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return
    except OSError as error:
        raise StateUnavailable(path, str(error.strerror)) from error
    try:
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)


def open_store(path: Path) -> StateFile:
    """The state file for writing, made where there is none. Raises StateError."""
    if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
        # SQLite would open it without a word, and fail at the first write
        raise StateUnavailable(path, "it is not ours to write")
    make_for_daemon(path)
    with translated(path):
        db = connect(f"{path.absolute().as_uri()}?mode=rwc")
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            migrate(db, path)
            db.execute(NEXT_REVISION)
        except BaseException:
            db.close()
            raise
    return StateFile(path, db)


def open_reader(path: Path) -> StateFile:
    """The state file for reading alone. Raises StateError, StateMissing.

    Where the daemon is gone and the directory is not ours to write, or has no room, SQLite can make
    no shared memory: nobody writes then, and the file is read as it stands.
    """
    if not path.exists():
        raise StateMissing(path)
    with translated(path):
        try:
            return StateFile(path, readable(path, "mode=ro"))
        except sqlite3.OperationalError as error:
            if not NO_SHARED_MEMORY.intersection(
                (error.sqlite_errorcode, error.sqlite_errorcode & 0xFF)
            ):
                raise
            return StateFile(path, readable(path, "mode=ro&immutable=1"))


def readable(path: Path, options: str) -> sqlite3.Connection:
    db = connect(f"{path.absolute().as_uri()}?{options}")
    try:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            raise StateMissing(path)  # the daemon has just made it, and not yet its tables
        refuse_newer(path, version, len(migrations()))
    except BaseException:
        db.close()
        raise
    return db


def open_or_replace(path: Path, now: float) -> tuple[StateFile, Path | None]:
    """The state file for writing; a damaged one is moved aside first, and where to is the second
    value. Raises StateError.
    """
    try:
        store = open_store(path)
        if is_sound(store):
            return store, None
        store.close()
    except StateCorrupt:
        pass
    aside = path.with_name(f"{path.name}.damaged-{int(now)}")
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StateUnavailable(
            path, f"it is damaged, and can not be moved aside: {error.strerror}"
        ) from error
    return open_store(path), aside


def is_without_room(path: Path) -> bool:
    """Whether the disk of this file is full, as far as SQLite is concerned."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize < LEAST_ROOM


def is_sound(store: StateFile) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    try:
        with store.using() as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except StateCorrupt:
        return False
