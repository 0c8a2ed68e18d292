"""Write the mirror of another gateway: a file like its state file, of what it told."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from checker.config.files import identity_of
from checker.fleet.gaps import Heard
from checker.fleet.items import (
    Items,
    Key,
    registration_key,
    tunnel_key,
    unregistered_key,
)
from checker.fleet.past import Past
from checker.fleet.telling import AGES_EVERY_S
from checker.model import NodeName, ProcessId, Registration
from checker.model.pulse import HeardPulse
from checker.model.sums import Period, Sum
from checker.model.tunnel import STALE_INTERVALS
from checker.state.errors import StateError, translated
from checker.state.mirrors import (
    ADD_POSITION,
    ADD_PULSE,
    GET_POSITION,
    PUT_POSITION,
    PUT_PULSE,
    Position,
    pulse_row,
    read_pulse,
)
from checker.state.rows import Batch, Sweep, event_row
from checker.state.schema import transaction
from checker.state.store import StateFile, open_store
from checker.state.sums import ADD_SUMMED, put_sums, read_summed
from checker.state.writing import write_batch

MOST_ROWS = 200_000
"""Of tunnels, registrations and devices together: a stolen member must not fill our disk."""
MOST_EVENTS = 200_000
INSERT_EVENT = (
    "INSERT OR IGNORE INTO event (id, at, kind, act, node, port, actor, text) VALUES (:id, :at,"
    " :kind, :act, :node, :port, :actor, :text)"
)
FORGET_DEVICES = (
    "DELETE FROM unregistered WHERE port = :port",
    "DELETE FROM said WHERE port = :port",
)
FORGET_EVENTS = "DELETE FROM event"
FORGET_OLD_EVENTS = "DELETE FROM event WHERE id <= :last - :most"
COUNT = (
    "SELECT (SELECT count(*) FROM tunnel) + (SELECT count(*) FROM registration)"
    " + (SELECT count(*) FROM unregistered)"
)
SIDE_FILES = ("", "-wal", "-shm")


class MirrorFull(StateError):
    """A gateway told more than any gateway has."""


def open_mirror(path: Path) -> StateFile:
    """Open a mirror, and make it again if damaged or of another release. Raises StateError."""
    try:
        return opened(path)
    except StateError:
        remove_mirror(path)
        return opened(path)


def opened(path: Path) -> StateFile:
    store = open_store(path)
    with store.using() as db, transaction(db):
        db.execute(ADD_PULSE)
        db.execute(ADD_POSITION)
        db.execute(ADD_SUMMED)
    return store


def remove_mirror(path: Path) -> None:
    """Remove a mirror and what SQLite keeps beside it."""
    for suffix in SIDE_FILES:
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


class Mirror:
    """The mirror of one gateway, open. Each call is one transaction."""

    def __init__(self, path: Path) -> None:
        """Raises StateError."""
        self.path = path
        self.store = open_mirror(path)
        self.stamp = identity_of(path)

    def renew(self) -> bool:
        """Make the file again if somebody removed or replaced it; return whether somebody did.
        SQLite would write into the removed one. Raises StateError.
        """
        if self.stamp is not None and identity_of(self.path) == self.stamp:
            return False
        self.stamp = None
        self.store.close()  # before another is there: this removes what lies beside that path
        remove_mirror(self.path)
        self.store = open_mirror(self.path)
        self.stamp = identity_of(self.path)
        return True

    def close(self) -> None:
        self.store.close()

    def heard(self) -> Heard:
        """Return up to where the gateway was heard. Raises StateError."""
        with self.store.using() as db:
            row = db.execute(GET_POSITION).fetchone()
        at = Position(**dict(row)) if row else Position()
        pulse = read_pulse(self.store)
        is_same = pulse is not None and pulse.pulse.epoch == at.epoch
        return Heard(
            epoch=at.epoch,
            number=at.number,
            beat=pulse.pulse.beat if pulse is not None and is_same else 0,
            last_event=self.store.last_event_id(),
        )

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with self.store.using() as db, translated(self.path), transaction(db):
            yield db

    def put_pulse(self, heard: HeardPulse) -> None:
        """Raises StateError."""
        with self.writing() as db:
            db.execute(PUT_PULSE, pulse_row(heard))
            write_batch(db, Batch(sweep=sweep_of(heard)))

    def put_items(self, items: Items, position: Position | None) -> None:
        """Write items; and with `position`, that all is there up to it. Raises MirrorFull,
        StateError.
        """
        with self.writing() as db:
            for statement in FORGET_DEVICES:
                db.executemany(statement, [{"port": port} for port in items.gone])
            write_batch(db, batch_of(items))
            if position is not None:
                db.execute(PUT_POSITION, {"epoch": position.epoch, "number": position.number})
            if db.execute(COUNT).fetchone()[0] > MOST_ROWS:
                raise MirrorFull(f"a mirror has at most {MOST_ROWS} rows: {self.path}")

    def keep_only(self, keys: set[Key], position: Position) -> None:
        """Remove all other items, and write that all is there up to this position. Raises
        StateError.
        """
        self.put_items(self.others(keys), position)

    def others(self, keys: set[Key]) -> Items:
        """Return as gone what has none of these keys. Raises StateError."""
        lost = Items()
        for tunnel in self.store.tunnels():
            place = tunnel.node, tunnel.port
            if tunnel_key(place) not in keys:
                lost.forgotten.append(place)
        for one in self.store.registrations():
            if registration_key(one) not in keys:
                lost.ended.append((one.node, one.session))
        for device in self.store.unregistered():
            if unregistered_key(device) not in keys:
                lost.gone.append(device.port)
        return lost

    def put_events(self, past: Past) -> None:
        """Raises StateError."""
        rows = [{**event_row(one), "id": one.id} for one in past.events]
        with self.writing() as db:
            db.executemany(INSERT_EVENT, rows)
            db.execute(FORGET_OLD_EVENTS, {"last": past.last, "most": MOST_EVENTS})

    def summed(self) -> dict[Period, str]:
        """Return the periods whose sums are here, and the mark of each. Raises StateError."""
        with self.store.using() as db:
            return read_summed(db)

    def put_sums(self, period: Period, mark: str, sums: Sequence[Sum]) -> None:
        """Replace the sums of a period, and drop what is too old. Raises StateError."""
        now = time.time()
        with self.writing() as db:
            put_sums(db, period, mark, sums, now)

    def forget_events(self) -> None:
        """Raises StateError."""
        with self.writing() as db:
            db.execute(FORGET_EVENTS)


def sweep_of(heard: HeardPulse) -> Sweep | None:
    """Return the sweep as readers of a mirror need it: rows that only aged come later."""
    pulse = heard.pulse
    if pulse.swept_at is None:
        return None
    every_s = pulse.every_s + AGES_EVERY_S / STALE_INTERVALS
    return Sweep(pid=0, swept_at=pulse.swept_at, every_s=every_s)


def batch_of(items: Items) -> Batch:
    return Batch(
        tunnels=items.tunnels,
        forgotten=items.forgotten,
        registrations=items.registrations,
        ended=[ended(node, session) for node, session in items.ended],
        unregistered=items.unregistered,
    )


def ended(node: NodeName, session: ProcessId) -> Registration:
    return Registration(node=node, instance="", session=session, peer="", registered_at=0.0)
