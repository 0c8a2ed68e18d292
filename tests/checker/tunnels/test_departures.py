"""When a connection that was told to leave is ended, and which connections a drain ends at all."""

from __future__ import annotations

from collections import Counter

import pytest

from checker.model import NodeName, Port, ProcessId
from checker.model.drain import Drain
from checker.tunnels.departures import (
    BEATS_WITHIN_S,
    LEAVES_WITHIN_S,
    Departure,
    Sight,
    Way,
    carried,
    is_older,
    must_end,
)
from checker.tunnels.kill_reasons import Drained, why_kill
from tests.strategies import SESSION

LATE, SHORTLY = LEAVES_WITHIN_S + 1, LEAVES_WITHIN_S - 1
DRAIN = Drain(at=5e8, by="root", boot="this boot", uptime_s=100.0)


@pytest.mark.parametrize(
    ("way", "since_s", "sight", "ends"),
    [
        pytest.param(Way.END, 0.0, Sight(is_there=True), True, id="it asks for nothing"),
        pytest.param(Way.MOVE, SHORTLY, Sight(is_there=True), False, id="it was just told"),
        pytest.param(Way.MOVE, LATE, Sight(is_there=True), True, id="it stays after its hold"),
        pytest.param(
            Way.MOVE, LATE, Sight(is_there=True, loops=True), False, id="its shell waits for a beat"
        ),
        pytest.param(
            Way.MOVE, BEATS_WITHIN_S + 1, Sight(is_there=True, loops=True), True, id="no beat comes"
        ),
        pytest.param(Way.WAIT, LATE, Sight(is_there=True), False, id="no beat came yet"),
        pytest.param(
            Way.WAIT, 20.0, Sight(is_there=True, beaten_s_ago=30.0), False, id="it beat before that"
        ),
        pytest.param(
            Way.WAIT, 20.0, Sight(is_there=True, beaten_s_ago=SHORTLY), False, id="it just heard it"
        ),
        pytest.param(
            Way.WAIT,
            20.0,
            Sight(is_there=True, beaten_s_ago=LATE),
            True,
            id="it heard it, and stays",
        ),
        pytest.param(
            Way.WAIT, BEATS_WITHIN_S + 1, Sight(is_there=True), True, id="it no longer beats"
        ),
    ],
)
def test_a_connection_is_ended_only_after_it_had_time_to_leave(
    way: Way, since_s: float, sight: Sight, ends: bool
) -> None:
    told = Departure(node=NodeName("office"), session=SESSION, way=way, told_at=1000.0)

    assert must_end(told, sight, 1000.0 + since_s) is ends


@pytest.mark.parametrize(
    ("boot", "start_ticks", "older"),
    [
        pytest.param("this boot", 9_999, True, id="before the drain"),
        pytest.param("this boot", 10_000, False, id="it came after the drain began"),
        pytest.param("next boot", 9_999, False, id="the machine booted again"),
    ],
)
def test_only_connections_that_are_older_than_the_drain_are_ended(
    boot: str, start_ticks: int, older: bool
) -> None:
    session = ProcessId(pid=5, start_ticks=start_ticks)

    found = is_older(session, DRAIN, boot, 100)

    assert found is older
    assert bool(why_kill(Drained(by="root", must_leave=found))) is older


def test_open_connections_are_counted_without_our_own_probes() -> None:
    ports = {Port(20010): SESSION}
    ends = [
        (Port(20010), "127.0.0.1:40000"),
        (Port(20010), "127.0.0.1:40001"),
        (Port(20010), "[::1]:40002"),
        (Port(40000), "127.0.0.1:20010"),
        (Port(22), "192.0.2.1:5000"),
    ]

    assert carried(ends, ports, {"40001"}) == Counter({SESSION: 2})
