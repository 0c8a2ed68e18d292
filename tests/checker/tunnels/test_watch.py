"""Watching one forward, with real listeners of this process and no sshd: turns and places."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.model import (
    Flaps,
    Forward,
    NodeName,
    Policy,
    Port,
    Silent,
    Status,
    Target,
    Tunnel,
    parse_expect,
)
from checker.state.ledger import Ledger
from checker.tunnels.judge import Judgement, Recheck
from checker.tunnels.pace import Pace
from checker.tunnels.watch import Watcher
from tests.strategies import free_port

OFFICE = NodeName("office")


@dataclass(slots=True)
class Visits:
    """How many connections a listener has, and had at most."""

    port: int
    now: int = 0
    most: int = 0
    all: int = 0


@asynccontextmanager
async def silent_listener(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Visits]:
    """Accepts, and says nothing until the visitor leaves."""
    visits = Visits(port=0)

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.now, visits.all = visits.now + 1, visits.all + 1
        visits.most = max(visits.most, visits.now)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        visits.now -= 1

    server = await asyncio.start_server(meet, host, port)
    visits.port = server.sockets[0].getsockname()[1]
    try:
        yield visits
    finally:
        server.close()
        async with asyncio.timeout(150):
            while visits.now:  # noqa: ASYNC110 - the last visitor tells nobody
                await asyncio.sleep(0.01)


def watcher(tmp_path: Path) -> Watcher:
    layout = home_layout(tmp_path)
    return Watcher(
        layout,
        Config(tunnel_user=current_user(), policy=Policy(deadline_s=0.2)),
        Ledger(layout, None),
    )


def forward(port: int) -> Forward:
    return Forward(
        node=OFFICE,
        port=Port(port),
        target=Target(host="127.0.0.1", port=Port(22)),
        expect=parse_expect("banner:SSH"),
    )


async def settled(
    one: Watcher, where: Forward, *, actor: str = "daemon", until: float = math.inf
) -> Judgement:
    """The judgement once it is clear, or at `until` (monotonic)."""
    first = await one.probe_once(where, actor=actor, until=until)
    return await one.probe_until_clear(where, first, actor=actor, until=until)


async def test_one_port_is_never_probed_twice_at_a_time(tmp_path: Path) -> None:
    one = watcher(tmp_path)

    async with silent_listener() as visits, asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(one.probe_once(forward(visits.port)))

    assert visits.most == 1
    assert visits.all <= 2, "a probe that was under way serves those who came while it was"


async def test_a_probe_that_waits_for_its_turn_has_not_met_silence_yet(tmp_path: Path) -> None:
    one = watcher(tmp_path)
    one.slots = asyncio.Semaphore(0)

    async with silent_listener() as visits:
        task = asyncio.create_task(one.observe(forward(visits.port)))
        await asyncio.sleep(1.5)  # longer than the probe itself
        asked_at = time.monotonic()
        one.slots.release()
        seen, _ = await task

    assert isinstance(seen.reply, Silent)
    assert 0 < seen.silent_s <= time.monotonic() - asked_at
    assert 0 < seen.probe_s <= seen.silent_s


async def test_a_port_of_another_program_is_foreign_even_under_the_tunnel_user(
    tmp_path: Path,
) -> None:
    one = watcher(tmp_path)

    async with silent_listener() as visits:
        judgement = await settled(one, forward(visits.port))

    assert judgement.tunnel.status is Status.FOREIGN
    assert f"({psutil.Process().name()})" in judgement.tunnel.detail


async def test_a_new_listener_on_the_ipv6_loopback_is_found_at_once(
    tmp_path: Path,
) -> None:
    one = watcher(tmp_path)
    await one.holders.listeners(Port(1), newer_than=time.monotonic())

    async with silent_listener("::1") as visits:
        judgement = await settled(one, forward(visits.port), actor="node office")

    assert visits.all
    assert judgement.tunnel.status is Status.FOREIGN


async def test_a_probe_follows_a_listener_from_one_loopback_to_the_other(tmp_path: Path) -> None:
    one = watcher(tmp_path)
    async with silent_listener("::1", free_port()) as before:
        await settled(one, forward(before.port), actor="operator")
    async with silent_listener("127.0.0.1", before.port) as after:
        await settled(one, forward(after.port), actor="operator")

        assert one.holders.loopback(Port(after.port)) == "127.0.0.1"
        assert after.all


async def test_a_probe_of_a_loopback_that_the_listener_left_is_repeated(
    tmp_path: Path,
) -> None:
    one = watcher(tmp_path)
    async with silent_listener("::1", free_port()) as old:
        await one.holders.listeners(Port(old.port), newer_than=time.monotonic())
        one.ledger.put(Tunnel(node=OFFICE, port=Port(old.port), status=Status.UP))
        async with silent_listener("127.0.0.1", old.port) as new:
            await one.probe_once(forward(new.port), actor="operator")

            assert old.all == 1
            assert new.all == 1, (
                "the silence of a listener that the port no longer has is held against nobody"
            )


async def test_the_silence_of_the_old_port_does_not_count_against_the_new_one(
    tmp_path: Path,
) -> None:
    one = watcher(tmp_path)
    next_port = free_port()
    async with silent_listener() as old, asyncio.TaskGroup() as group:
        probing = group.create_task(one.observe(replace(forward(old.port), next_port=next_port)))
        while not old.now:  # noqa: ASYNC110 - the listener tells nobody
            await asyncio.sleep(0.01)
        async with silent_listener(port=next_port):
            _, held = await probing

    assert held.port == old.port


async def test_a_probe_of_a_slow_link_takes_no_place_from_others(tmp_path: Path) -> None:
    one = watcher(tmp_path)
    one.slots = asyncio.Semaphore(1)

    async with silent_listener() as slow, silent_listener() as fast, asyncio.TaskGroup() as group:
        one.patience.paces[OFFICE, Port(slow.port)] = Pace(grown_s=100.0)
        waiting = group.create_task(one.probe_once(forward(slow.port)))
        while not slow.now:  # noqa: ASYNC110 - the listener tells nobody
            await asyncio.sleep(0.01)
        async with asyncio.timeout(150):
            await one.probe_once(forward(fast.port))
        under_way = not waiting.done()
        waiting.cancel()

    assert under_way
    assert not one.slots.locked()


async def test_an_unclear_forward_is_left_to_the_sweep_in_time(tmp_path: Path) -> None:
    one = watcher(tmp_path)

    async with silent_listener() as visits:
        one.patience.paces[OFFICE, Port(visits.port)] = Pace(grown_s=100.0)
        one.ledger.put(replace(one.ledger.tunnel(forward(visits.port)), verdict=1))
        async with asyncio.timeout(150):
            judgement = await settled(one, forward(visits.port), until=time.monotonic() + 0.5)

    assert isinstance(judgement.action, Recheck)
    assert judgement.tunnel.verdict == 0, "nobody is sent away for what was before"
    assert judgement.tunnel.status is Status.UNKNOWN
    assert not one.turns[Port(visits.port)].probing.locked()


async def test_siblings_are_probed_once_in_the_first_pause(tmp_path: Path) -> None:
    one = watcher(tmp_path)

    async with silent_listener() as visits:
        where = forward(visits.port)
        asked = Judgement(tunnel=one.ledger.tunnel(where), flaps=Flaps(), action=Recheck(0.1))
        judgement = await one.probe_until_clear(forward(free_port()), asked, siblings=[where])

    assert visits.all == 1
    assert judgement.tunnel.status is Status.DOWN
