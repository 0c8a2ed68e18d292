"""A drain ends the connections that are older than it, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from checker.daemon.drainer import Drainer
from checker.daemon.verdicts import Verdicts
from checker.linux.clock import boot_id
from checker.linux.processes import is_alive
from checker.model import EventKind
from checker.model.drain import Drain
from checker.state.drain_file import read_drain, write_drain
from checker.state.store import open_store
from tests.checker.tunnels.gateways import Held, held

WITHIN_S = 150.0


@asynccontextmanager
async def draining(one: Held) -> AsyncIterator[Drainer]:
    """A drainer that runs."""
    drainer = Drainer(one.gateway, Verdicts(one.gateway))
    await drainer.load()
    running = asyncio.create_task(drainer.run())
    try:
        yield drainer
    finally:
        running.cancel()
        await asyncio.wait([running])


async def is_through(drainer: Drainer) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not drainer.is_done:  # noqa: ASYNC110 - nothing else says so
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("is_probed", [True, False])
async def test_a_drain_ends_a_connection_that_does_not_ask_and_logs_who_began_it(
    tmp_path: Path, *, is_probed: bool
) -> None:
    with held(tmp_path) as one, closing(open_store(one.gateway.layout.state)) as store:
        one.gateway.ledger.store = store
        if is_probed:
            await one.gateway.settle_all(one.node.forwards, actor="daemon")
        async with draining(one) as drainer:
            before = await drainer.progress()
            await drainer.begin("anna")
            await is_through(drainer)
            after = await drainer.progress()
            await drainer.end("berta")

        assert one.holder.wait(WITHIN_S) != 0
        events = store.events()
    assert [leaver.node for leaver in before.leavers] == [one.node.name]
    assert (after.ended, after.failed, after.leavers, after.here) == (1, 0, (), ())
    (killed,) = [event for event in events if event.kind is EventKind.KILL]
    assert killed.actor == "anna"
    assert killed.text.endswith("; anna drains this gateway")
    assert (killed.port in one.node.ports) is is_probed
    told = [(event.actor, event.text) for event in events if event.kind is EventKind.GATEWAY]
    assert told == [
        ("anna", "this gateway drains: its nodes are told to use another gateway"),
        ("daemon", "drained: 0 moved, 0 told to wait, 1 ended"),
        ("berta", "this gateway no longer drains"),
    ]
    assert read_drain(one.gateway.layout.drain).drain is None


@pytest.mark.parametrize(
    ("boot", "uptime_s"),
    [
        pytest.param("", 0.0, id="it came after the drain began"),
        pytest.param("another boot", 1e12, id="the machine booted again"),
    ],
)
async def test_a_daemon_that_starts_during_a_drain_ends_none_that_came_since(
    tmp_path: Path, boot: str, uptime_s: float
) -> None:
    with held(tmp_path) as one:
        drain = Drain(at=5e8, by="anna", boot=boot or boot_id(), uptime_s=uptime_s)
        write_drain(one.gateway.layout.drain, drain)

        async with draining(one) as drainer:
            await is_through(drainer)
            progress = await drainer.progress()

        assert is_alive(one.session)
    assert progress.drain == drain
    assert progress.stayed == (one.node.name,)
    assert one.gateway.sent_away.drains


async def test_a_connection_that_stays_though_its_hold_was_refused_is_ended(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as one:
        drain = Drain(at=5e8, by="anna", boot=boot_id(), uptime_s=0.0)
        write_drain(one.gateway.layout.drain, drain)
        one.gateway.ledger.registrations.clear()

        async with draining(one) as drainer:
            await is_through(drainer)
            one.gateway.sent_away.refused[one.session] = (one.node.name, float("-inf"))
            drainer.changed.set()
            async with asyncio.timeout(WITHIN_S):
                while not one.events(EventKind.KILL):  # noqa: ASYNC110 - nothing else says so
                    await asyncio.sleep(0.05)

        assert one.holder.wait(WITHIN_S) != 0
    assert not one.gateway.sent_away.refused
    assert "anna drains this gateway" in one.events(EventKind.KILL)[0]


async def test_a_broken_file_drains_nothing(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.gateway.layout.drain.write_text("{", encoding="ascii")

        async with draining(one) as drainer:
            assert drainer.is_done

        assert is_alive(one.session)
    assert not one.gateway.sent_away.drains
