"""The sweep: which forwards it probes, when again, and that it knows when it is late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest

from checker.daemon import sweep
from checker.daemon.sweep import LIST_EVERY_S, TOGETHER_S, Sweeper
from checker.model import (
    Expect,
    ExpectKind,
    Flaps,
    Forward,
    NodeName,
    Policy,
    Port,
    Status,
    Tunnel,
    Unregistered,
)
from checker.registry.nodes import Registry
from checker.tunnels import due
from tests.checker.daemon.sweeping import holds, probed_next
from tests.checker.sshd.sessions import listening
from tests.strategies import NOW, OFFICE, SESSION, free_port, node

POLICY = Policy()
DEVICE = Unregistered(
    node=NodeName("50001"),
    port=Port(50001),
    expect=Expect(kind=ExpectKind.OPEN),
    first_at=NOW,
    last_at=NOW,
)


def test_it_probes_the_forwards_of_the_registry_and_wakes(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)

    assert set(sweeper.schedule.forwards) == {20010}
    assert sweeper.wake.is_set()


def test_it_probes_an_unregistered_device_as_soon_as_it_is_seen(sweeper: Sweeper) -> None:
    sightings = sweeper.gateway.ledger.sightings

    sightings.put(DEVICE)
    assert set(sweeper.schedule.forwards) == {20010, 50001}

    sightings.keep_only([])
    assert set(sweeper.schedule.forwards) == {20010}


def test_a_node_that_is_asked_for_is_probed_before_its_turn(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    now = time.monotonic()
    sweeper.schedule.put(Port(20010), now + 3600)

    sweeper.probe_soon([OFFICE])

    assert sweeper.schedule.next_at(now) < now + 60


def test_it_is_late_when_a_forward_has_been_due_for_more_than_an_interval(
    sweeper: Sweeper,
) -> None:
    sweeper.use(sweeper.gateway.registry)
    assert sweeper.keeps_time

    sweeper.schedule.put(Port(20010), time.monotonic() - 2 * sweeper.policy.probe_every_s)

    assert not sweeper.keeps_time


async def test_the_sweep_sleeps_until_the_next_forward_is_due(sweeper: Sweeper) -> None:
    began = time.monotonic()
    sweeper.schedule.put(Port(20010), began + 2 * TOGETHER_S)

    await sweeper.sleep(began)

    assert time.monotonic() >= began + 2 * TOGETHER_S


async def test_forwards_that_are_due_within_a_quarter_of_a_second_are_probed_together(
    sweeper: Sweeper,
) -> None:
    now = time.monotonic()
    sweeper.use(sweeper.gateway.registry.with_node(node(ports=(20010, 20011))))
    sweeper.schedule.put(Port(20010), now + 0.01)
    sweeper.schedule.put(Port(20011), now + TOGETHER_S)
    asleep = asyncio.ensure_future(sweeper.sleep(now))
    await asyncio.sleep(0)

    sweeper.wake_if_sooner()  # another probe ended
    assert not sweeper.wake.is_set()
    async with asyncio.timeout(60):
        await asleep

    assert probed_next(sweeper) == [20010, 20011]


async def test_a_probe_that_ended_wakes_the_sweep_only_if_something_is_due_sooner(
    sweeper: Sweeper,
) -> None:
    now = time.monotonic()
    sweeper.schedule.put(Port(20010), now + 3600)
    asleep = asyncio.ensure_future(sweeper.sleep(now))
    await asyncio.sleep(0)

    sweeper.schedule.put(Port(20010), now + 4000)
    sweeper.wake_if_sooner()
    await asyncio.sleep(0)
    assert not asleep.done()

    sweeper.schedule.put(Port(20010), now + 60)
    sweeper.wake_if_sooner()
    async with asyncio.timeout(60):
        await asleep


def test_a_row_within_its_own_schedule_keeps_its_verdict(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    (forward,) = sweeper.schedule.ripe(time.monotonic() + 60)

    sweeper.schedule.done(forward, time.monotonic(), 3600.0)

    assert sweeper.keeps_time, "it was probed long ago, and is not due"


def test_a_node_whose_pace_was_changed_by_hand_is_probed_soon(sweeper: Sweeper) -> None:
    registry = sweeper.gateway.registry
    sweeper.use(registry)
    holds(sweeper, 20010, SESSION)

    sweeper.use(registry.with_node(replace(registry.nodes[OFFICE], probe_beating_every_s=90.0)))

    assert sweeper.schedule.next_at(time.monotonic()) < time.monotonic() + 60


async def test_forwards_that_are_down_are_looked_up_in_one_list(sweeper: Sweeper) -> None:
    with listening() as listener:
        there, gone = Port(listener.getsockname()[1]), free_port()
        registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=(there, gone))}))
        gateway = sweeper.gateway
        gateway.use(registry)
        for port in (there, gone):
            gateway.ledger.put(Tunnel(node=OFFICE, port=port, status=Status.DOWN, probed_at=NOW))
        sweeper.use(registry)
        found = sweeper.schedule.ripe(time.monotonic() + 60)
        sweeper.verdicts.folder.mkdir()

        async with asyncio.TaskGroup() as group:
            await sweeper.look(group, found)

        rows = {port: gateway.ledger.tunnels[OFFICE, port] for port in (there, gone)}
    assert rows[there].status is not Status.DOWN, "it was probed"
    assert rows[gone].status is Status.DOWN
    assert rows[gone].probed_at != NOW
    assert not sweeper.schedule.running


async def test_what_listens_since_the_last_list_is_probed_at_once(sweeper: Sweeper) -> None:
    table = sweeper.gateway.watcher.holders.table
    ports = [free_port() for _ in range(3)]
    registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=tuple(ports))}))
    sweeper.use(registry)
    for port, status in zip(ports, (Status.DOWN, Status.UP, Status.DOWN), strict=True):
        sweeper.gateway.ledger.put(Tunnel(node=OFFICE, port=port, status=status))
        sweeper.schedule.put(port, time.monotonic() + 3600)
    await table.all(newer_than=time.monotonic())

    with listening(ports[0]), listening(ports[1]):
        await table.all(newer_than=time.monotonic())

    assert probed_next(sweeper) == [ports[0]]


async def test_what_listens_is_looked_for_though_no_forward_is_due(sweeper: Sweeper) -> None:
    table, port = sweeper.gateway.watcher.holders.table, free_port()
    with listening():
        assert down(sweeper, port)
        sweeper.schedule.running.clear()
        sweeper.schedule.put(port, time.monotonic() + 3600)
        await table.all(newer_than=time.monotonic())

        with listening(port):
            await sweeper.look_for_new()
            assert probed_next(sweeper) == [], "the list is young enough"

            table.read_at -= LIST_EVERY_S
            await sweeper.look_for_new()

            assert probed_next(sweeper) == [port]


def down(sweeper: Sweeper, *ports: Port) -> list[Forward]:
    """Say that the node's forwards on these ports are down; take them out as due."""
    registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=ports)}))
    sweeper.gateway.use(registry)
    for port in ports:
        sweeper.gateway.ledger.put(
            Tunnel(node=OFFICE, port=port, status=Status.DOWN, probed_at=NOW)
        )
    sweeper.use(registry)
    return sweeper.schedule.ripe(time.monotonic() + 3600)


async def look(sweeper: Sweeper, due: Sequence[Forward]) -> None:
    """Judge them by the list, which shows one listener at least: an empty one is not believed."""
    with listening():
        async with asyncio.TaskGroup() as group:
            await sweeper.look(group, due)


async def test_where_nobody_listens_many_forwards_are_judged_less_often(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due, "RESTING_A_S", 0.001)
    ports = [free_port(), free_port()]
    for _ in range(2):
        await look(sweeper, down(sweeper, *ports))

    rows = [sweeper.gateway.ledger.tunnels[OFFICE, port] for port in ports]
    every_s = 2 / 0.001
    assert sweeper.rest_s == every_s
    assert [row.due_s for row in rows] == [every_s + POLICY.deadline_s] * 2, "no row is stale"
    assert all(row.probed_at != NOW for row in rows)
    assert set(sweeper.schedule.resting) == set(ports)


async def test_a_forward_whose_node_lost_tunnels_lately_is_judged_as_often_as_ever(
    sweeper: Sweeper,
) -> None:
    port = free_port()
    due_now = down(sweeper, port)
    sweeper.rest_s = 3600.0
    sweeper.gateway.ledger.put_flaps(OFFICE, Flaps(count=2, last_at=time.time()))

    await look(sweeper, due_now)

    assert sweeper.schedule.next_at(0.0) < time.monotonic() + 60


async def test_a_forward_that_moves_is_judged_as_often_as_ever(sweeper: Sweeper) -> None:
    (forward,) = node(ports=(free_port(),)).forwards

    assert sweeper.may_rest(forward)
    assert not sweeper.may_rest(replace(forward, next_port=free_port()))


async def test_a_resting_forward_is_judged_once_the_list_has_its_listener(sweeper: Sweeper) -> None:
    ports = [free_port(), free_port()]
    due_now = down(sweeper, *ports)
    for forward in due_now:
        sweeper.schedule.rest(forward, time.monotonic(), 3600.0)
        sweeper.schedule.put(forward.port, time.monotonic() + 3600)
    table = sweeper.gateway.watcher.holders.table
    await table.all(newer_than=time.monotonic())

    with listening(ports[0]):
        await table.on(ports[0], newer_than=time.monotonic())  # so it is not new to the next list
        await look(sweeper, [])

        assert probed_next(sweeper) == [ports[0]]


async def test_a_resting_node_that_sshd_turned_away_is_judged_soon(sweeper: Sweeper) -> None:
    for forward in down(sweeper, free_port()):
        sweeper.schedule.rest(forward, time.monotonic(), 3600.0)

    sweeper.gateway.watcher.shut_outs.shut(OFFICE, "its key is not known", time.monotonic())

    assert sweeper.schedule.next_at(0.0) < time.monotonic() + 60


async def test_it_judges_nothing_by_the_list_while_an_operator_waits(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "GIVES_WAY_S", 1000.0)
    gateway, port = sweeper.gateway, free_port()
    registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=(port,))}))
    gateway.use(registry)
    sweeper.use(registry)
    found = sweeper.schedule.ripe(time.monotonic() + 3600)
    await gateway.watcher.holders.table.all(newer_than=time.monotonic())

    async with asyncio.TaskGroup() as group:
        with sweeper.giving_way(), sweeper.giving_way():
            looking = group.create_task(sweeper.look(group, found))
            for _ in range(20):
                await asyncio.sleep(0)
            assert (OFFICE, port) not in gateway.ledger.tunnels
        await looking
        assert (OFFICE, port) in gateway.ledger.tunnels


async def test_an_operator_who_waits_for_long_does_not_stop_it(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "GIVES_WAY_S", 0.01)

    with sweeper.giving_way():
        async with asyncio.timeout(150):
            await sweeper.give_way()


async def test_operators_without_a_pause_stop_it_for_half_of_the_time_at_most(
    sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "GIVES_WAY_S", 0.01)
    with sweeper.giving_way():
        await sweeper.give_way()
        assert sweeper.gives_way_at > 0.0

        monkeypatch.setattr(sweep, "GIVES_WAY_S", 1000.0)
        sweeper.gives_way_at = time.monotonic() + 1000
        async with asyncio.timeout(150):
            await sweeper.give_way()
