"""Kill a port's holder: which process, under which lock, and what its row then says."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import (
    EventKind,
    Flaps,
    Forward,
    ProcessId,
    Registration,
    Silent,
    Status,
)
from checker.sshd.kill import Freed
from checker.tunnels.holders import Held
from checker.tunnels.observation import Observation
from checker.tunnels.port_owner import Owner
from checker.tunnels.watch import Watcher
from tests.checker.sshd.sessions import identity, inodes_of, listening, session
from tests.checker.tunnels.test_watch import OFFICE, forward, watcher

WHY = "asked for by the test"


@pytest.fixture
def one(tmp_path: Path) -> Watcher:
    """A watcher whose probes of a silent listener end long after the test."""
    made = watcher(tmp_path)
    made.policy = made.patience.policy = replace(made.policy, deadline_s=300.0)
    return made


def held_by(one: Watcher, listener: socket.socket, holder: subprocess.Popen[bytes]) -> Forward:
    """The forward of the listener, which is left to its registered holder."""
    where = forward(listener.getsockname()[1])
    one.ledger.register(
        Registration(
            node=OFFICE,
            instance="box",
            session=identity(holder.pid),
            peer="",
            registered_at=time.time(),
            inodes=inodes_of(listener),
        )
    )
    listener.close()
    return where


def kills(one: Watcher) -> list[str]:
    return [event.text for event in one.ledger.pending.events if event.kind is EventKind.KILL]


async def probing(one: Watcher, where: Forward) -> None:
    """Until a probe of the forward waits for an answer."""
    async with asyncio.timeout(100):
        while not one.turns[where.port].probing.locked():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def test_a_claim_does_not_wait_for_the_probe_under_way_which_begins_again(
    one: Watcher, tmp_path: Path
) -> None:
    with listening() as listener, session(tmp_path, listener) as stale:
        where = held_by(one, listener, stale)
        async with asyncio.TaskGroup() as group, asyncio.timeout(100):
            probe = group.create_task(one.probe_once(where))
            await probing(one, where)

            ended = await one.end_holder(
                where, WHY, actor="node office", session=identity(stale.pid), port=where.port
            )

            assert isinstance(ended.ending, Freed)
            assert stale.wait(150) == -signal.SIGTERM
            judgement = await probe

    assert judgement.tunnel.status is Status.DOWN
    assert judgement.tunnel.kills == 1
    assert len(kills(one)) == 1
    statuses = [event.text for event in one.ledger.pending.events if event.kind is EventKind.STATUS]
    assert not [text for text in statuses if "hung" in text or "refused" in text]


async def test_an_operator_s_kill_waits_for_the_probe_under_way(
    one: Watcher, tmp_path: Path
) -> None:
    with listening() as listener, session(tmp_path, listener) as holder:
        where, its = held_by(one, listener, holder), identity(holder.pid)
        other = replace(its, start_ticks=its.start_ticks - 1)
        async with asyncio.TaskGroup() as group, asyncio.timeout(100):
            async with one.turns[where.port].probing:
                kill = group.create_task(one.end_holder(where, WHY, actor="root"))
                # a claim goes through meanwhile
                await one.end_holder(where, WHY, actor="node x", session=other, port=where.port)
                assert not kill.done()
                assert holder.poll() is None
            await kill

        assert holder.wait(150) == -signal.SIGTERM


async def test_a_claim_waits_while_another_kill_of_the_port_is_under_way(
    one: Watcher, tmp_path: Path
) -> None:
    with listening() as listener, session(tmp_path, listener) as holder:
        where, its = held_by(one, listener, holder), identity(holder.pid)
        async with asyncio.TaskGroup() as group:
            both = [
                group.create_task(
                    one.end_holder(where, WHY, actor="node office", session=its, port=where.port)
                )
                for _ in range(2)
            ]

    first, second = (task.result() for task in both)
    assert isinstance(first.ending, Freed)
    assert second.ending is None
    assert second.held.owner is Owner.NOBODY
    assert one.ledger.tunnel(where).kills == 1


async def test_another_session_than_the_one_that_was_seen_is_left_alone(
    one: Watcher, tmp_path: Path
) -> None:
    with listening() as listener, session(tmp_path, listener) as holder:
        where, its = held_by(one, listener, holder), identity(holder.pid)
        earlier = replace(its, start_ticks=its.start_ticks - 1)

        for port in (None, where.port):
            ended = await one.end_holder(where, WHY, actor="root", session=earlier, port=port)

            assert ended.ending is None
            assert ended.held.session == its
        assert holder.poll() is None

    assert not one.ledger.pending.events


async def test_connections_of_one_node_that_are_killed_side_by_side_count_one_loss_each(
    one: Watcher, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        places: list[tuple[Forward, Held]] = []
        for _ in range(2):
            listener = stack.enter_context(listening())
            # it ignores SIGTERM, so that both are being killed at once
            holder = stack.enter_context(session(tmp_path, listener, "trap '' TERM"))
            inodes = inodes_of(listener)
            where, its = held_by(one, listener, holder), identity(holder.pid)
            places.append((where, Held(owner=Owner.OURS, session=its, inodes=inodes)))
            one.ledger.put(
                replace(one.ledger.tunnel(where), status=Status.HUNG, session=its, strikes=1)
            )
        async with asyncio.TaskGroup() as group:
            for where, held in places:
                group.create_task(one.conclude(where, hung(where, held.session), held, "daemon"))

    assert len(kills(one)) == 2
    assert one.ledger.flaps.get(OFFICE, Flaps()).count == 2


def hung(where: Forward, its: ProcessId | None) -> Observation:
    return Observation(
        reply=Silent(), owner=Owner.OURS, session=its, expect=where.expect, deadline_s=5.0
    )
