"""The ledger: what is known stays known, and what could not be written is written later."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.linux.processes import read_process
from checker.model import (
    EventKind,
    Flaps,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    ShownKey,
    Status,
    Tunnel,
    Watched,
)
from checker.state.ledger import COMPLAINTS_AT_ONCE, Ledger
from checker.state.pending import MOST_HELD
from checker.state.rows import Batch, Sweep
from checker.state.store import StateFile, open_store
from tests.strategies import FORWARD, NOW, OFFICE, PORT, public_key

UP = Tunnel(node=OFFICE, port=PORT, status=Status.UP, strikes=1)
DEAD = ProcessId(pid=2**22 - 1, start_ticks=1)
SHOWN = ShownKey(
    node=OFFICE,
    port=PORT,
    key=public_key(8),
    pinned=public_key(7),
    session=DEAD,
    at=NOW,
    logged=public_key(7),
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path)


@pytest.fixture
def store(layout: Layout) -> Iterator[StateFile]:
    with closing(open_store(layout.state)) as opened:
        yield opened


@pytest.fixture
def ledger(layout: Layout, store: StateFile) -> Ledger:
    return Ledger(layout, store)


def me() -> ProcessId:
    process = read_process(os.getpid())
    assert process is not None
    return process.id


def registration(session: ProcessId, at: float = NOW) -> Registration:
    return Registration(
        node=OFFICE,
        instance="i",
        session=session,
        peer="192.0.2.1 5",
        registered_at=at,
        inodes=frozenset({7}),
    )


def fill(ledger: Ledger) -> None:
    """One of each that a batch may hold."""
    ledger.put(UP)
    ledger.pending.forgotten.append((NodeName("gone"), Port(20099)))
    ledger.put_flaps(OFFICE, Flaps(count=2, last_at=NOW))
    ledger.register(registration(me()))
    ledger.pending.ended.append(registration(DEAD))
    ledger.log_event(EventKind.KILL, "told", node=OFFICE, port=PORT)
    ledger.pending.uptime.append((OFFICE, PORT, Watched(day="2023-11-14", up_s=1.0, watched_s=2.0)))
    ledger.pending.hours.append(Hour(node=OFFICE, port=PORT, hour=472222, up_s=1.0, watched_s=2.0))
    ledger.put_shown(SHOWN)
    ledger.pending.sweep = Sweep(pid=2, swept_at=NOW, every_s=20.0)


def test_a_tunnel_that_the_registry_dropped_while_a_write_failed_is_not_written(
    ledger: Ledger,
) -> None:
    ledger.put(UP)
    taken = ledger.pending.take()
    ledger.keep_only([])

    ledger.pending.merge(taken)

    assert (ledger.pending.tunnels, ledger.pending.forgotten) == ({}, [(OFFICE, PORT)])


def test_events_that_wait_are_bounded(ledger: Ledger) -> None:
    for number in range(MOST_HELD + 5):
        ledger.log_event(EventKind.HOLD, f"{number}")

    assert len(ledger.pending.events) == MOST_HELD
    assert ledger.pending.events[0].text == "5"


async def test_a_flush_writes_everything(ledger: Ledger, store: StateFile) -> None:
    fill(ledger)

    await ledger.flush()

    assert [tunnel.status for tunnel in store.tunnels()] == [Status.UP]
    assert store.flaps() == {OFFICE: Flaps(count=2, last_at=NOW)}
    assert [one.session for one in store.registrations()] == [me()]
    assert [event.text for event in store.events()] == ["told"]
    assert store.last_sweep() is not None
    assert not ledger.pending


async def test_nothing_is_lost_while_the_state_file_cannot_be_written(
    ledger: Ledger, store: StateFile, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    with store.using() as db:
        db.execute("PRAGMA busy_timeout = 10")
    fill(ledger)
    with (
        closing(sqlite3.connect(layout.state, isolation_level=None)) as other,
        caplog.at_level(logging.ERROR),
    ):
        other.execute("BEGIN IMMEDIATE")
        await ledger.flush()
        ledger.log_event(EventKind.CLAIM, "meanwhile")
        await ledger.flush()
        other.execute("ROLLBACK")

    assert store.events() == ()
    await ledger.flush()

    assert [event.text for event in store.events()] == ["told", "meanwhile"]
    assert len(store.tunnels()) == 1
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1, (
        "it is complained of once"
    )


def test_each_error_is_logged_once_and_different_ones_are_bounded(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        for sentence in ("the first", "the second", "the first"):
            ledger.complain(sentence)
        assert [record.getMessage() for record in caplog.records] == ["the first", "the second"]

        for number in range(100):
            ledger.complain(f"node {number}")

    assert len(caplog.records) == COMPLAINTS_AT_ONCE


async def test_a_damaged_state_file_is_replaced_and_written_whole(
    ledger: Ledger, store: StateFile, layout: Layout
) -> None:
    ledger.put(UP)
    ledger.put_flaps(OFFICE, Flaps(count=2, last_at=NOW))
    await ledger.flush()
    store.close()
    for suffix in ("-wal", "-shm"):
        layout.state.with_name(layout.state.name + suffix).unlink(missing_ok=True)
    layout.state.write_bytes(b"damage" * 2000)
    ledger.store = StateFile(
        layout.state, sqlite3.connect(layout.state, isolation_level=None, check_same_thread=False)
    )
    ledger.log_event(EventKind.HOLD, "after the damage")

    await ledger.flush()
    await ledger.flush()

    assert ledger.store is not None
    with closing(ledger.store) as replaced:
        assert [tunnel.status for tunnel in replaced.tunnels()] == [Status.UP]
        assert set(replaced.flaps()) == {OFFICE}
        texts = [event.text for event in replaced.events()]
    assert texts[0] == "after the damage"
    assert "the state file was damaged" in texts[1]
    assert len(list(layout.state.parent.glob("state.db.damaged-*"))) == 1


def test_a_restart_keeps_what_was_seen_but_no_strikes(layout: Layout, store: StateFile) -> None:
    store.write(
        Batch(
            tunnels=[UP],
            flaps=[(OFFICE, Flaps(count=2))],
            registrations=[registration(me()), registration(DEAD)],
        )
    )
    ledger = Ledger(layout, store)

    ledger.load(store)

    tunnel = ledger.tunnel(FORWARD)
    assert (tunnel.status, tunnel.strikes) == (Status.UP, 0)
    assert ledger.flaps == {OFFICE: Flaps(count=2)}
    assert set(ledger.registrations) == {me()}
    assert [one.session for one in ledger.pending.ended] == [DEAD]


async def test_connections_that_ended_are_forgotten_when_asked_for(ledger: Ledger) -> None:
    ledger.register(registration(DEAD, at=NOW - 5))
    ledger.register(registration(me()))

    async with asyncio.TaskGroup() as group:  # who asks at the same time is told the same
        both = [group.create_task(ledger.of_node(OFFICE)) for _ in range(2)]
    assert [[one.session for one in task.result()] for task in both] == [[me()], [me()]]
    assert [one.session for one in ledger.pending.ended] == [DEAD]
    assert await ledger.of_node(NodeName("other")) == []


async def test_a_renamed_node_keeps_what_is_known_and_what_waits_to_be_written(
    ledger: Ledger, store: StateFile
) -> None:
    fill(ledger)
    await ledger.flush()
    fill(ledger)
    lobby = NodeName("lobby")

    ledger.rename(OFFICE, lobby)

    assert ledger.tunnel(replace(FORWARD, node=lobby)) == replace(UP, node=lobby)
    assert ledger.tunnel(FORWARD) == Tunnel(node=OFFICE, port=PORT)
    assert (ledger.flaps[lobby].count, [one.node for one in ledger.registrations.values()]) == (
        2,
        [lobby],
    )
    ledger.pending.merge(ledger.pending.take())
    await ledger.flush()
    assert [[one.node for one in store.tunnels()], [one.node for one in store.registrations()]] == [
        [lobby],
        [lobby],
    ]
    assert [event.node for event in store.events()] == [lobby, lobby]
    assert set(store.flaps()) == {lobby}
    assert [day.watched_s for day in store.uptime(lobby, PORT, since_day="2023-01-01")] == [4.0]
    assert store.uptime(OFFICE, PORT, since_day="2023-01-01") == ()
    assert [(hour.node, hour.watched_s) for hour in store.hours(since_hour=0)] == [(lobby, 4.0)]
    assert store.shown_keys() == (replace(SHOWN, node=lobby),)
    assert ledger.shown == {(lobby, PORT): replace(SHOWN, node=lobby)}


async def test_a_shown_host_key_outlives_a_restart_and_goes_with_its_forward(
    layout: Layout, ledger: Ledger, store: StateFile
) -> None:
    ledger.put_shown(SHOWN)
    await ledger.flush()
    again = Ledger(layout, store)
    again.load(store)

    assert again.shown == {(OFFICE, PORT): SHOWN}

    again.keep_only([])
    await again.flush()

    assert store.shown_keys() == ()
    assert again.shown == {}


def test_a_forward_that_was_never_seen_is_unknown(ledger: Ledger) -> None:
    assert ledger.tunnel(FORWARD) == Tunnel(node=OFFICE, port=PORT)


def test_flaps_that_are_the_same_are_not_written(ledger: Ledger) -> None:
    ledger.put_flaps(OFFICE, Flaps())

    assert not ledger.pending


async def test_a_flush_without_a_state_file_does_nothing(layout: Layout) -> None:
    ledger = Ledger(layout, None)
    ledger.put(UP)

    await ledger.flush()

    assert ledger.tunnel(FORWARD) == UP
