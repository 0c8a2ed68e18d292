"""Probing at once what a connection carries if its beat is overdue, or if it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from checker.daemon.sweep import Sweeper
from checker.model import (
    NodeName,
    Port,
    ProcessId,
    Registration,
    Tunnel,
)
from checker.state import beats
from checker.state.beats import beat_file
from tests.checker.daemon.sweeping import holds, probed_next
from tests.strategies import NOW, OFFICE, SESSION


def beat(sweeper: Sweeper, session: ProcessId, *ago_s: float) -> None:
    """Have the connection beat so long ago, and read each beat."""
    spool = sweeper.gateway.layout.spool
    spool.mkdir(exist_ok=True)
    path, now = beat_file(spool, session), time.time()
    for ago in ago_s:
        path.touch()
        os.utime(path, (now - ago, now - ago))
        sweeper.gateway.watcher.signs.rhythms.take({session: now - ago})


async def test_what_a_connection_carries_is_probed_at_once_when_its_beat_is_overdue(
    sweeper: Sweeper,
) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, SESSION)
    beat(sweeper, SESSION, 3040, 3030, 3020)

    await sweeper.watch_beats()

    assert probed_next(sweeper) == [20010]
    assert sweeper.wake.is_set()


@pytest.mark.parametrize(
    ("name", "looked_at"),
    [
        pytest.param(OFFICE, {20010}, id="a node's: only its rows are looked at"),
        pytest.param("50001", {20010, 20011}, id="one of the shared key: all are"),
    ],
)
async def test_what_a_registered_connection_carries_is_found_by_its_node(
    sweeper: Sweeper, name: NodeName, looked_at: set[int]
) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, SESSION)
    sweeper.gateway.ledger.put(Tunnel(node=NodeName("lobby"), port=Port(20011)))
    sweeper.gateway.ledger.keep(
        Registration(node=name, instance="i", session=SESSION, peer="", registered_at=NOW)
    )
    beat(sweeper, SESSION, 3040, 3030, 3020)

    await sweeper.watch_beats()

    assert {row.port for row in sweeper.rows_of([SESSION])} == looked_at
    assert probed_next(sweeper) == [20010]


async def test_a_beat_that_came_since_the_last_look_ends_all_doubt(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, SESSION)
    beat(sweeper, SESSION, 3600, 2400, 1200)
    os.utime(beat_file(sweeper.gateway.layout.spool, SESSION))

    await sweeper.watch_beats()

    assert probed_next(sweeper) == []


async def test_beats_that_look_overdue_soon_are_read_with_those_that_do_now(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = [ProcessId(pid=pid, start_ticks=1) for pid in (11, 12, 13)]
    late, soon, later = sessions
    for session, ago_s in ((late, 12.1), (soon, 11.5), (later, 5.0)):
        beat(sweeper, session, ago_s + 20, ago_s + 10, ago_s)
    read: list[set[ProcessId]] = []

    def beats_of(_: Path, found: Iterable[ProcessId]) -> dict[ProcessId, float]:
        read.append(set(found))
        return {}

    monkeypatch.setattr(beats, "beats_of", beats_of)

    await sweeper.watch_beats()

    assert read == [{late, soon}]


async def test_a_clock_that_was_set_forward_makes_no_beat_overdue(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, SESSION)
    beat(sweeper, SESSION, 3040, 3030, 3020)
    sweeper.gateway.watcher.clocks.wall -= 3000

    await sweeper.watch_beats()

    assert probed_next(sweeper) == []


async def test_what_a_connection_carried_is_probed_at_once_when_it_ends(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, SESSION)
    beat(sweeper, SESSION, 1200, 800, 400)
    beat_file(sweeper.gateway.layout.spool, SESSION).unlink()

    await sweeper.gateway.watcher.signs.read_beats()
    await sweeper.watch_beats()

    assert probed_next(sweeper) == [20010]


async def test_a_connection_in_doubt_probes_no_port_of_another(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    holds(sweeper, 20010, ProcessId(pid=7, start_ticks=8))
    beat(sweeper, SESSION, 3040, 3030, 3020)

    await sweeper.watch_beats()

    assert probed_next(sweeper) == []
