"""Forwards that were not there: the list of listeners tells, and nothing connects."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from checker.model import Forward, Port, Status, Tunnel
from checker.tunnels import observe
from checker.tunnels.probe import probe
from checker.tunnels.watch import Watcher
from tests.checker.sshd.sessions import listening
from tests.checker.tunnels.gateways import gateway_of
from tests.strategies import OFFICE, free_port, node

LONG_AGO = 0.0


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> AsyncMock:
    """All calls of the probe, which are carried out."""
    spy = AsyncMock(wraps=probe)
    monkeypatch.setattr(observe, "probe", spy)
    return spy


@pytest.fixture
def forward() -> Forward:
    (one,) = node(ports=(free_port(),)).forwards
    return one


@pytest.fixture
def watcher(tmp_path: Path, forward: Forward) -> Watcher:
    return gateway_of(tmp_path, node(ports=(forward.port,))).watcher


def seen(watcher: Watcher, forward: Forward, status: Status) -> Tunnel:
    """Say that the forward was seen so."""
    row = Tunnel(
        node=OFFICE, port=forward.port, status=status, since=1.0, probed_at=time.time() - 20
    )
    watcher.ledger.put(row)
    return row


@pytest.mark.parametrize("actor", ["daemon", "node office"])
@pytest.mark.parametrize("status", [Status.DOWN, Status.UNKNOWN])
async def test_nobody_connects_to_a_port_on_which_still_nobody_listens(
    watcher: Watcher, forward: Forward, connections: AsyncMock, status: Status, actor: str
) -> None:
    seen(watcher, forward, status)

    with listening():  # an empty list would not be believed
        await watcher.holders.table.all(newer_than=time.monotonic())
        judgement = await watcher.probe_once(forward, actor=actor)

    assert judgement.tunnel.status is Status.DOWN
    assert connections.await_count == 0


@pytest.mark.parametrize(
    "status", sorted(set(Status) - {Status.DOWN, Status.UNKNOWN, Status.BROKEN})
)
async def test_only_a_connection_proves_that_a_forward_goes_down(
    watcher: Watcher, forward: Forward, connections: AsyncMock, status: Status
) -> None:
    seen(watcher, forward, status)

    judgement = await watcher.probe_once(forward)

    assert judgement.tunnel.status is Status.DOWN
    assert connections.await_count == 1


async def test_a_listener_that_is_younger_than_the_list_is_found_once_its_node_registered(
    watcher: Watcher, forward: Forward, connections: AsyncMock
) -> None:
    seen(watcher, forward, Status.DOWN)
    await watcher.holders.table.all(newer_than=time.monotonic())
    with listening(forward.port):
        watcher.registered_at[OFFICE] = time.monotonic()

        assert watcher.still_down(forward, newer_than=LONG_AGO) is None
        judgement = await watcher.probe_once(forward)

    assert judgement.tunnel.status is not Status.DOWN
    assert connections.await_count


async def test_a_list_that_lacks_a_listener_which_answers_is_not_believed(
    watcher: Watcher, forward: Forward, connections: AsyncMock
) -> None:
    seen(watcher, forward, Status.DOWN)
    watcher.holders.table.doubt()

    await watcher.probe_once(forward)

    assert connections.await_count == 1
    assert watcher.still_down(forward, newer_than=LONG_AGO) is None


async def test_a_listener_that_closes_as_it_answers_does_not_discredit_the_list(
    watcher: Watcher, forward: Forward
) -> None:
    """As a tunnel that is lost just after its probe."""
    seen(watcher, forward, Status.UP)
    with listening(), listening(forward.port) as listener:

        def answer_and_close() -> None:
            peer, _ = listener.accept()
            listener.close()
            peer.sendall(b"SSH-2.0-x\r\n")
            peer.close()

        answering = asyncio.create_task(asyncio.to_thread(answer_and_close))
        await watcher.probe_once(forward)
        await answering

        assert watcher.holders.table.doubted_at == -math.inf


async def test_an_empty_list_is_not_believed(watcher: Watcher, forward: Forward) -> None:
    table = watcher.holders.table
    with listening():
        await table.all(newer_than=time.monotonic())
    assert table.is_vacant(forward.port, watcher.uid, newer_than=LONG_AGO)

    table.by_port = {}

    assert not table.is_vacant(forward.port, watcher.uid, newer_than=LONG_AGO)


async def test_a_forward_that_was_not_probed_yet_is_judged_by_the_list(
    watcher: Watcher, forward: Forward
) -> None:
    with listening():
        await watcher.holders.table.all(newer_than=time.monotonic())

    judgement = watcher.still_down(forward, newer_than=LONG_AGO)

    assert judgement is not None
    assert judgement.tunnel.status is Status.DOWN
    assert forward.port not in watcher.turns, "nothing is kept for it"


async def test_a_forward_that_stays_down_only_ages(watcher: Watcher, forward: Forward) -> None:
    row = seen(watcher, forward, Status.DOWN)
    watcher.ledger.put(replace(row, detail="nobody listens", verdict=1))
    watcher.ledger.pending.take()
    with listening():
        await watcher.holders.table.all(newer_than=time.monotonic())

    judgement = watcher.still_down(forward, newer_than=LONG_AGO)

    assert judgement is not None
    after = watcher.ledger.tunnel(forward)
    assert after == judgement.tunnel
    assert (after.status, after.since, after.failures) == (Status.DOWN, 1.0, 1)
    assert (after.probed_at or 0.0) > (row.probed_at or 0.0)
    assert not watcher.ledger.pending
    assert [lately.watched_s > 0 for lately in watcher.ledger.resting.uptime.values()] == [True]


async def test_a_forward_that_moves_is_down_only_if_nobody_listens_on_either_port(
    watcher: Watcher, forward: Forward
) -> None:
    seen(watcher, forward, Status.DOWN)
    with listening() as listener:
        moving = replace(forward, next_port=Port(listener.getsockname()[1]))
        await watcher.holders.table.all(newer_than=time.monotonic())

        assert watcher.still_down(moving, newer_than=LONG_AGO) is None
        assert watcher.still_down(forward, newer_than=LONG_AGO) is not None
