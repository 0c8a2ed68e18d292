"""All that programs which watch the fleet need, in one read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from checker.model import (
    Event,
    EventKind,
    NodeName,
    Port,
    Registration,
    Unregistered,
    parse_expect,
)
from checker.model.glance import Glance, Seen
from checker.state.glance import glance
from checker.state.rows import Batch, Sweep
from checker.state.schema import migrations
from checker.state.store import StateFile, open_reader
from tests.checker.state.samples import UP
from tests.strategies import NOW, OFFICE, PORT, SESSION

TUNNEL = replace(UP, latency_ms=1.5, probed_at=NOW, kills=4, bytes_total=1 << 40)
SEEN = Seen(OFFICE, PORT, "up", 1.5, NOW, 4, 1 << 40, SESSION.pid, SESSION.start_ticks)


def test_it_is_what_was_written(store: StateFile) -> None:
    device = Unregistered(
        node=NodeName("x"), port=Port(29999), expect=parse_expect("open"), first_at=1, last_at=2
    )
    store.write(
        Batch(
            tunnels=[TUNNEL],
            unregistered=[device],
            sweep=Sweep(pid=1, swept_at=NOW, every_s=20.0, logins_waiting=3),
            events=[Event(at=NOW, kind=EventKind.KILL, text="")],
        )
    )

    assert glance(store) == Glance(
        seen=[SEEN],
        unregistered=[(device.node, device.port)],
        swept_at=NOW,
        every_s=20.0,
        logins_waiting=3,
        tally={"kill": 1},
    )


def test_a_node_with_two_connections_has_the_client_of_the_newer(store: StateFile) -> None:
    older = Registration(
        node=OFFICE,
        instance="i",
        session=SESSION,
        peer="192.0.2.1:1",
        registered_at=1.0,
        client="bundle-0.1.0",
    )
    newer = replace(
        older,
        registered_at=2.0,
        client="bundle-0.2.0",
        moves=True,
        session=replace(SESSION, pid=SESSION.pid - 1),
    )
    store.write(Batch(registrations=[newer, older]))

    assert glance(store).clients == {OFFICE: "bundle-0.2.0"}


def test_a_new_file_is_empty_and_one_of_0_1_0_is_read_as_it_is(
    store: StateFile, tmp_path: Path
) -> None:
    assert glance(store) == Glance(seen=[], unregistered=[])
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.executescript(migrations()[0])
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO tunnel VALUES ('office', 20010, 'up', '', 1.5, 4242, 99, '192.0.2.1:5',"
            " 1.0, 2.0, 3.0, 0, 4, 0, 0, 1)"
        )
        db.execute("INSERT INTO sweep VALUES (1, 2, 3.0, 20.0, 1)")

    with closing(open_reader(old)) as reader:
        assert glance(reader) == Glance(
            seen=[SEEN._replace(probed_at=2.0, bytes_total=None)],
            unregistered=[],
            swept_at=3.0,
            every_s=20.0,
        )
