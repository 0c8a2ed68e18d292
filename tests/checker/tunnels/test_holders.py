"""Who holds a port: nobody, a session of ours, another program; and what is remembered."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from checker.linux.processes import may_look
from checker.model import Port
from checker.tunnels.holders import Held, Holders
from checker.tunnels.port_owner import Owner
from tests.checker.sshd.sessions import identity, inodes_of, listening, session
from tests.checker.tunnels.gateways import gateway_of, held
from tests.strategies import free_port, node

NOW = float("inf")
"""Newer than any reading: the listeners are read again."""
LONG_AGO = 0.0
"""All listeners are read, if they never were."""
needs_privilege = pytest.mark.skipif(
    not may_look(), reason="only root sees which process owns a socket"
)


async def test_a_free_port_is_held_by_nobody(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        forward = replace(one.node.forwards[0], port=free_port())

        found = await one.gateway.watcher.holders.held(forward, newer_than=NOW)

    assert found == Held(owner=Owner.NOBODY, port=forward.port)


async def test_a_registered_connection_holds_its_ports(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        holders = one.gateway.watcher.holders
        found = [await holders.held(forward, newer_than=NOW) for forward in one.node.forwards]

        assert [(each.owner, each.session) for each in found] == [(Owner.OURS, one.session)] * 2
        assert all(len(each.inodes) == 1 for each in found)


async def test_a_port_of_another_program_is_foreign(tmp_path: Path) -> None:
    with held(tmp_path) as one, listening() as listener:
        forward = replace(one.node.forwards[0], port=Port(listener.getsockname()[1]))

        found = await one.gateway.watcher.holders.held(forward, newer_than=NOW)

    assert (found.owner, found.session) == (Owner.FOREIGN, None)
    assert f"process {os.getpid()}" in found.stranger


async def test_a_moving_forward_is_on_its_next_port_once_a_tunnel_listens_there(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as one:
        holders = one.gateway.watcher.holders
        old, new = one.node.ports
        moving = replace(one.node.forwards[0], next_port=new)
        away = replace(one.node.forwards[0], next_port=free_port())

        assert await holders.place(moving, newer_than=NOW) == new
        assert await holders.place(away, newer_than=NOW) == old
        assert [each.port for each in await holders.all_held(moving, newer_than=NOW)] == [old, new]


async def test_owners_of_closed_sockets_are_forgotten_once_there_are_many(tmp_path: Path) -> None:
    with held(tmp_path) as one, listening() as listener:
        holders: Holders = one.gateway.watcher.holders
        (open_now,) = inodes_of(listener)
        holders.owners.remember(frozenset(range(-5000, 0)) | {open_now}, one.session)
        holders.others = dict.fromkeys((one.session, replace(one.session, start_ticks=1)), "")

        await holders.listeners(Port(1), newer_than=LONG_AGO)

        assert set(holders.owners.by_inode) == {open_now}
        assert set(holders.others) == {one.session}


@needs_privilege
async def test_a_stranger_is_searched_for_once_and_believed_while_it_holds_the_port(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as one, listening() as listener:
        holders = one.gateway.watcher.holders
        forward = replace(one.node.forwards[0], port=Port(listener.getsockname()[1]))
        found = [await holders.held(forward, newer_than=NOW) for _ in range(3)]

        assert [each.owner for each in found] == [Owner.FOREIGN] * 3
        assert holders.owners.searches == 1

        with session(tmp_path, listener) as process:
            listener.close()
            after = await holders.held(forward, newer_than=NOW)

            assert (after.owner, after.session) == (Owner.OURS, identity(process.pid))
            assert holders.owners.searches == 2


@needs_privilege
async def test_all_who_ask_during_a_search_share_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening()) for _ in range(8)]
        office = node(ports=tuple(one.getsockname()[1] for one in listeners))
        sessions = [stack.enter_context(session(tmp_path, one)) for one in listeners]
        for one in listeners:
            one.close()
        holders = gateway_of(tmp_path, office).watcher.holders

        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(holders.held(one, newer_than=NOW), name="held")
                for one in office.forwards
            ]

        assert [task.result().session for task in asked] == [identity(one.pid) for one in sessions]
        assert holders.owners.searches == 1


@needs_privilege
async def test_the_connections_of_all_sessions_are_read_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(listening())
        peers, sessions = [], []
        for _ in range(4):
            device = stack.enter_context(socket.create_connection(server.getsockname()))
            accepted = stack.enter_context(server.accept()[0])
            peers.append("{}:{}".format(*device.getsockname()))
            sessions.append(stack.enter_context(session(tmp_path, accepted)))
            accepted.close()
        holders = gateway_of(tmp_path, node()).watcher.holders

        found = [await holders.peer_of(identity(one.pid)) for one in sessions]

    assert found == peers
    assert holders.ends.readings == 1
