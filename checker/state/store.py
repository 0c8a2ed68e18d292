"""The state file, in which the daemon keeps what it saw: SQLite in WAL mode, with one writer.

A reader asks only for what changed since it read last. Losing the file loses no tunnel: the next
sweep sees everything again.
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
    Applicant,
    Event,
    Flaps,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    ShownKey,
    Tunnel,
    Unregistered,
    Watched,
    hour_at,
)
from checker.model.instance import path_in
from checker.state.applicants import applicants_in
from checker.state.errors import StateCorrupt, StateMissing, StateUnavailable, translated
from checker.state.event_query import Wanted, newest_events, page_of_events, values_of
from checker.state.rows import (
    Batch,
    Sweep,
    event_from,
    process_from,
    registration_from,
    shown_from,
    sweep_from,
    unregistered_from,
)
from checker.state.schema import (
    HOURS_SINCE,
    UNREGISTERED_SINCE,
    has_said,
    has_shown,
    migrate,
    migrations,
    refuse_newer,
    transaction,
    version_of,
)
from checker.state.tunnels import tunnels_since
from checker.state.writing import next_revision, write_batch

KEEP_EVENTS_S = 90 * 86400
KEEP_DAYS = 400
KEEP_HOURS = 48
BUSY_MS = 5000
NO_SHARED_MEMORY = frozenset(
    {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_SHMSIZE}
)
"""Errors of a reader that may not make the shared memory, or finds no room for it.

Source: sqlite.org/rescode.html.
"""
LEAST_ROOM = 1 << 18
"""Bytes: more than the write-ahead log and its index take to begin with."""
UNREGISTERED = (
    "SELECT unregistered.*, calls_itself FROM unregistered LEFT JOIN said USING (port, node)"
    " ORDER BY port"
)
UNREGISTERED_BEFORE = "SELECT *, '' AS calls_itself FROM unregistered ORDER BY port"
"""For a file of an older product."""
FORGET_EVENTS = "DELETE FROM event WHERE at < :before"
FORGET_DAYS = "DELETE FROM uptime WHERE day < :before"
FORGET_HOURS = "DELETE FROM hour WHERE hour <= :before"
HOURS_SINCE_HOUR = "SELECT node, port, hour, up_s, watched_s FROM hour WHERE hour >= :hour"
EVENTS_AFTER = """
SELECT * FROM (
    SELECT * FROM event WHERE id > :after AND (:node IS NULL OR node = :node)
    ORDER BY id DESC LIMIT :limit
) ORDER BY id
"""
LAST_EVENT = "SELECT coalesce(max(id), 0) FROM event"
LAST_HOLDS = (
    "SELECT node, text, MAX(id) FROM event WHERE kind = 'hold' AND node IS NOT NULL GROUP BY node"
)
"""SQLite takes the other columns from the row with the maximum. Source:
sqlite.org/lang_select.html, section 2.5.
"""
AFTER_ALL_DAYS = "9999-12-31"
UPTIME_SINCE = (
    "SELECT day, up_s, watched_s FROM uptime WHERE node = :node AND port = :port AND day >= :day"
    " AND day < :until ORDER BY day"
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
        """Lock the connection for the block. Raises StateCorrupt, StateUnavailable."""
        with self.lock, translated(self.path):
            yield self.db

    def changed_token(self) -> int:
        """Return a number that changes when another connection writes; costs next to nothing."""
        with self.using() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])

    def tunnels(self, *, since_revision: int = 0, least_due_s: float = 0.0) -> tuple[Tunnel, ...]:
        """Return the tunnels that were written after this revision; 0 gives all. Their `due_s` is
        at least `least_due_s`; 0.0 leaves it as it is.
        """
        with self.using() as db:
            return tunnels_since(db, since_revision, least_due_s)

    def registrations(self) -> tuple[Registration, ...]:
        with self.using() as db:
            return tuple(
                registration_from(row)
                for row in db.execute("SELECT * FROM registration ORDER BY registered_at")
            )

    def paths(self) -> dict[ProcessId, int]:
        """Return which tunnel of its node each connection is, if the node keeps two."""
        with self.using() as db:
            found = db.execute(
                "SELECT pid, start_ticks, instance FROM registration WHERE instance GLOB '*.[12]'"
            )
            return {
                ProcessId(pid=row["pid"], start_ticks=row["start_ticks"]): path_in(row["instance"])
                for row in found
            }

    def unregistered(self) -> tuple[Unregistered, ...]:
        """Return the unregistered devices, by port; none from a file of an older product."""
        with self.using() as db:
            if version_of(db) < UNREGISTERED_SINCE:
                return ()
            statement = UNREGISTERED if has_said(db) else UNREGISTERED_BEFORE
            return tuple(unregistered_from(row) for row in db.execute(statement))

    def shown_keys(self) -> tuple[ShownKey, ...]:
        """Return the host keys that targets showed; none from a file of an older product."""
        with self.using() as db:
            if not has_shown(db):
                return ()
            return tuple(shown_from(row) for row in db.execute("SELECT * FROM shown_key"))

    def applicants(self) -> tuple[Applicant, ...]:
        """Return the applicants, the oldest first; none from a file of an older product."""
        with self.using() as db:
            return applicants_in(db)

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
        """Return the newest events with an id greater than `after`, oldest first."""
        with self.using() as db:
            rows = db.execute(
                EVENTS_AFTER, {"after": after, "limit": limit, "node": node}
            ).fetchall()
        return tuple(event_from(row) for row in rows)

    def wanted_events(self, wanted: Wanted) -> Iterator[Event]:
        """Yield the wanted events, oldest first. Between two of them nothing is locked."""
        with self.using() as db:
            values = values_of(db, wanted)
            if values is None:
                return
            newest = [] if wanted.limit is None else newest_events(db, values, wanted)
        yield from newest
        after = values["after"] if wanted.limit is None else None
        while after is not None:
            with self.using() as db:
                page, after = page_of_events(db, {**values, "after": after}, wanted)
            yield from page

    def last_event_id(self) -> int:
        """Return the id of the newest event; 0 if there is none."""
        with self.using() as db:
            return int(db.execute(LAST_EVENT).fetchone()[0])

    def last_holds(self) -> dict[NodeName, str]:
        """Return the text of each node's last event about `hold`."""
        with self.using() as db:
            rows = db.execute(LAST_HOLDS).fetchall()
        return {NodeName(row["node"]): row["text"] for row in rows}

    def uptime(
        self, node: NodeName, port: Port, *, since_day: str, until_day: str = AFTER_ALL_DAYS
    ) -> tuple[Watched, ...]:
        """Return the daily roll-up of a forward, oldest first; days without a probe are missing.
        The day `until_day` is not included.
        """
        with self.using() as db:
            rows = db.execute(
                UPTIME_SINCE,
                {"node": node, "port": port, "day": since_day, "until": until_day},
            ).fetchall()
        return tuple(
            Watched(day=row["day"], up_s=row["up_s"], watched_s=row["watched_s"]) for row in rows
        )

    def hours(self, *, since_hour: int) -> tuple[Hour, ...]:
        """Return the hourly roll-up of all forwards, from this hour (Unix seconds // 3600) on.

        None from a file of an older product.
        """
        with self.using() as db:
            if version_of(db) < HOURS_SINCE:
                return ()
            cursor = db.cursor()
            cursor.row_factory = None  # to make a Row of each takes half as long again
            rows = cursor.execute(HOURS_SINCE_HOUR, {"hour": since_hour}).fetchall()
        return tuple(map(Hour._make, rows))

    def last_sweep(self) -> Sweep | None:
        with self.using() as db:
            row = db.execute("SELECT * FROM sweep").fetchone()
        return row and sweep_from(row)

    def write(self, batch: Batch) -> None:
        """Write all of the batch, or nothing. Raises StateError."""
        with self.using() as db, transaction(db):
            write_batch(db, batch)

    def prune(self, now: float) -> None:
        """Delete events older than 90 days, and roll-ups older than 400 days or 48 hours."""
        with self.using() as db, transaction(db):
            db.execute(FORGET_EVENTS, {"before": now - KEEP_EVENTS_S})
            db.execute(FORGET_DAYS, {"before": first_kept_day(now)})
            db.execute(FORGET_HOURS, {"before": hour_at(now) - KEEP_HOURS})


def first_kept_day(now: float) -> str:
    """Return the oldest day of which the roll-up is kept (YYYY-MM-DD)."""
    return time.strftime("%Y-%m-%d", time.gmtime(now - KEEP_DAYS * 86400))


def read_applicants(path: Path) -> tuple[Applicant, ...]:
    """Return the applicants in a state file, the oldest first; none if there is no file. Raises
    StateError.
    """
    try:
        reader = open_reader(path)
    except StateMissing:
        return ()
    try:
        return reader.applicants()
    finally:
        reader.close()


def connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
    )
    db.row_factory = sqlite3.Row
    return db


def make_for_daemon(path: Path, mode: int = 0o644) -> None:
    """Give an empty state file to the directory's owner, if we are root and there is none.

    Otherwise a daemon with an account of its own could not write it. SQLite gives the files beside
    it the same owner. Raises StateUnavailable.
    """
    if os.geteuid() != 0:
        return
    try:
        # O_EXCL: the daemon's account must not lead us elsewhere by a link
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
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
    """Open the state file for writing; make it if it is missing. Raises StateError."""
    if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
        # SQLite would open it, and fail only at the first write
        raise StateUnavailable(path, "it belongs to another user")
    make_for_daemon(path)
    with translated(path):
        db = connect(f"{path.absolute().as_uri()}?mode=rwc")
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            migrate(db, path)
            next_revision(db)  # a damaged table is found now
        except BaseException:
            db.close()
            raise
    return StateFile(path, db)


def open_reader(path: Path) -> StateFile:
    """Open the state file for reading. Raises StateError, StateMissing.

    Without a daemon, SQLite must make the shared memory. If it cannot (the directory is another
    user's, or the disk is full), nobody writes either, and the file is read as it stands.
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
        version = version_of(db)
        if version == 0:
            raise StateMissing(path)  # the daemon made it just now, and its tables come next
        refuse_newer(path, version, len(migrations()))
    except BaseException:
        db.close()
        raise
    return db


def open_or_replace(path: Path, now: float) -> tuple[StateFile, Path | None]:
    """Open the state file for writing; move a damaged one aside first.

    The second value is the damaged file's new path, or None. Raises StateError.
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
            path, f"it is damaged, and cannot be moved aside: {error.strerror}"
        ) from error
    return open_store(path), aside


def is_without_room(path: Path) -> bool:
    """Whether the file's disk has no room for SQLite's log."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize < LEAST_ROOM


def is_sound(store: StateFile) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    try:
        with store.using() as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except StateCorrupt:
        return False
