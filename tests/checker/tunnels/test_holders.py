"""Who holds a port: nobody, a session of ours, another program; and what is remembered."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from checker.model import Port
from checker.tunnels.holders import Held, Holders
from checker.tunnels.port_owner import Owner
from tests.checker.sshd.sessions import inodes_of, listening
from tests.checker.tunnels.gateways import held
from tests.strategies import free_port

NOW = float("inf")
"""Newer than any reading: the listeners are read again."""


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
        holders.owners = dict.fromkeys(range(-5000, 0), one.session)
        holders.owners[open_now] = one.session

        await holders.listeners(Port(1), newer_than=NOW)

    assert set(holders.owners) == {open_now}
