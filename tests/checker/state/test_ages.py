"""Rows that only age wait for the next batch; what matters is written at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import home_layout
from checker.model import Hour, NodeName, Port, ProcessId, Status, Tunnel, Watched
from checker.state.ages import is_material
from checker.state.ledger import AGES_AT_ONCE, Ledger
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_store
from tests.checker.state.samples import UP, an_hour
from tests.strategies import NOW, OFFICE, PORT

ROW = replace(UP, probed_at=NOW, checked_at=NOW)
DOWN = Tunnel(node=OFFICE, port=PORT, status=Status.DOWN, probed_at=NOW)
MARK = Sweep(pid=2, swept_at=NOW, every_s=20.0)
DAY = "2023-11-14"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateFile]:
    with closing(open_store(tmp_path / "state.db")) as opened:
        yield opened


@pytest.fixture
def ledger(tmp_path: Path, store: StateFile) -> Ledger:
    return Ledger(home_layout(tmp_path), store)


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.DOWN},
        {"detail": "nobody listens"},
        {"session": ProcessId(pid=9, start_ticks=9)},
        {"peer": "192.0.2.1:5"},
        {"since": NOW},
        {"kills": 1},
        {"strikes": 1},
        {"verdict": 1},
        {"due_s": 63.0},
        {"checked_at": None},
    ],
    ids=lambda change: str(next(iter(change))),
)
def test_what_an_operator_must_see_is_material(change: dict[str, Any]) -> None:
    assert is_material(ROW, replace(ROW, **change))
    assert is_material(replace(ROW, **change), ROW)


def test_what_each_probe_changes_is_not_material() -> None:
    aged = replace(
        ROW,
        probed_at=NOW + 20,
        checked_at=NOW + 9,
        latency_ms=3.0,
        failures=2,
        bytes_total=7,
        answer="SSH-2.0-x",
    )

    assert not is_material(ROW, aged)
    assert is_material(None, ROW)


def probed_at(store: StateFile) -> float | None:
    (row,) = store.tunnels()
    return row.probed_at


async def test_ages_are_written_with_the_mark_of_the_sweep(
    ledger: Ledger, store: StateFile
) -> None:
    ledger.put(ROW)
    await ledger.flush_changes()
    assert probed_at(store) == NOW

    ledger.put(replace(ROW, probed_at=NOW + 20))
    await ledger.flush_changes()
    assert probed_at(store) == NOW

    ledger.pending.sweep = MARK
    await ledger.flush_changes()
    assert probed_at(store) == NOW + 20


async def test_a_forward_that_stays_down_is_written_once_in_a_while(
    ledger: Ledger, store: StateFile
) -> None:
    ledger.put(DOWN)
    await ledger.flush_changes()
    ledger.put(replace(DOWN, probed_at=NOW + 20))
    ledger.pending.sweep = MARK
    await ledger.flush_changes()
    assert probed_at(store) == NOW

    await ledger.flush_ages()
    await ledger.flush_changes()
    assert probed_at(store) == NOW + 20


async def test_a_change_that_matters_is_written_at_once_with_the_ages_before_it(
    ledger: Ledger, store: StateFile
) -> None:
    ledger.put(DOWN)
    await ledger.flush_changes()
    ledger.put(replace(DOWN, failures=7))
    ledger.put(replace(DOWN, failures=7, verdict=4))

    await ledger.flush_changes()
    await ledger.flush()

    (row,) = store.tunnels()
    assert (row.failures, row.verdict) == (7, 4)


async def test_many_ages_are_written_a_part_at_a_time(ledger: Ledger, store: StateFile) -> None:
    rows = [replace(DOWN, port=Port(port)) for port in range(1, AGES_AT_ONCE + 3)]
    for row in rows:
        ledger.put(row)
    await ledger.flush()
    revisions = {row.revision for row in store.tunnels()}
    for row in rows:
        ledger.put(replace(row, probed_at=NOW + 20))

    await ledger.flush_ages()

    written = store.tunnels()
    assert {row.probed_at for row in written} == {NOW + 20}
    assert len({row.revision for row in written} - revisions) == 2
    assert not ledger.resting.tunnels


async def test_a_flush_writes_all_ages(ledger: Ledger, store: StateFile) -> None:
    ledger.put(DOWN)
    await ledger.flush()
    ledger.put(replace(DOWN, probed_at=NOW + 20))

    await ledger.flush()

    assert probed_at(store) == NOW + 20


async def test_the_ages_of_a_forgotten_forward_do_not_bring_it_back(
    ledger: Ledger, store: StateFile
) -> None:
    for row in (ROW, DOWN):
        ledger.put(row)
        await ledger.flush()
        ledger.put(replace(row, probed_at=NOW + 20))

        ledger.keep_only([])
        await ledger.flush()

        assert store.tunnels() == ()


async def test_ages_follow_their_node_to_its_new_name(ledger: Ledger, store: StateFile) -> None:
    ledger.put(ROW)
    await ledger.flush()
    ledger.put(replace(ROW, probed_at=NOW + 20))
    ledger.add_time(ROW, Watched(DAY, 20.0, 20.0), ())

    ledger.rename(OFFICE, NodeName("lobby"))
    await ledger.flush()

    (row,) = store.tunnels()
    assert (row.node, row.probed_at) == ("lobby", NOW + 20)
    assert store.uptime(NodeName("lobby"), PORT, since_day=DAY) == (Watched(DAY, 20.0, 20.0),)


async def test_the_time_that_a_forward_was_watched_is_added_up_before_it_is_written(
    ledger: Ledger, store: StateFile
) -> None:
    for _ in range(3):
        ledger.add_time(ROW, Watched(DAY, 10.0, 20.0), [an_hour(7), an_hour(8)])

    ledger.take_ages()
    assert ledger.pending.uptime == [(OFFICE, PORT, Watched(DAY, 30.0, 60.0))]
    await ledger.flush()

    assert store.uptime(OFFICE, PORT, since_day=DAY) == (Watched(DAY, 30.0, 60.0),)
    assert store.hours(since_hour=0) == tuple(
        Hour(OFFICE, PORT, hour, 30.0, 60.0) for hour in (7, 8)
    )
