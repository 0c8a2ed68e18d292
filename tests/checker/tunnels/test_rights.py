"""What a key allows: the connection that is older than its right is ended, and only that one."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from checker.model import EventKind, Forward, Registration, Status
from checker.tunnels.port_owner import Owner
from checker.tunnels.rights import Rights
from tests.checker.sshd.sessions import identity, inodes_of, listening, session
from tests.checker.tunnels.test_watch import forward, watcher

WHY = "the connection is older than the node's right to the port"


def rights(tmp_path: Path) -> Rights:
    one = watcher(tmp_path)
    return Rights(one.layout, one.ledger, one)


def hold(one: Rights, listener: socket.socket, holder: subprocess.Popen[bytes]) -> Forward:
    """The forward of the listener, whose holder registered; the listener is left to it."""
    where, inodes = forward(listener.getsockname()[1]), inodes_of(listener)
    session = identity(holder.pid)
    one.ledger.register(
        Registration(
            node=where.node,
            instance="box",
            session=session,
            peer="",
            registered_at=time.time(),
            inodes=inodes,
        )
    )
    listener.close()
    return where


async def holder_is_ours(one: Rights, where: Forward) -> bool:
    return (await one.watcher.holders.held(where, newer_than=float("inf"))).owner is Owner.OURS


async def test_a_connection_that_is_too_old_is_killed(tmp_path: Path) -> None:
    one = rights(tmp_path)
    with listening() as listener, session(tmp_path, listener) as old:
        where = hold(one, listener, old)

        judgement = await one.end_old(where, identity(old.pid), WHY)

        assert judgement is not None
        assert (judgement.tunnel.status, judgement.tunnel.detail) == (Status.UNKNOWN, WHY)
        assert old.wait(150) == -signal.SIGTERM
        assert not await holder_is_ours(one, where)
        kills = [event for event in one.ledger.pending.events if event.kind is EventKind.KILL]
        assert [(kill.port, WHY in kill.text) for kill in kills] == [(where.port, True)]


async def test_a_connection_that_took_the_port_since_is_left_alone(tmp_path: Path) -> None:
    one = rights(tmp_path)
    with ExitStack() as stack:
        before = stack.enter_context(listening())
        old = stack.enter_context(session(tmp_path, before))
        where, probed = hold(one, before, old), identity(old.pid)
        old.kill()
        old.wait(150)
        after = stack.enter_context(listening(where.port))
        fresh = stack.enter_context(session(tmp_path, after))
        hold(one, after, fresh)

        judgement = await one.end_old(where, probed, WHY)

        assert judgement is None
        assert fresh.poll() is None
        assert await holder_is_ours(one, where)
        assert not list(one.ledger.pending.events)


async def test_a_port_that_nobody_holds_now_is_left_to_the_next_probe(tmp_path: Path) -> None:
    one = rights(tmp_path)
    with listening() as listener, session(tmp_path, listener) as old:
        where, probed = hold(one, listener, old), identity(old.pid)
        old.kill()
        old.wait(150)

        assert await one.end_old(where, probed, WHY) is None
