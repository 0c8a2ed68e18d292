"""A claim that meets several connections of other instances waits no longer than for one."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.model import Node, Policy, Registration
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from checker.tunnels.requests import Requests
from checker.wire import Asked
from tests.checker.sshd.sessions import identity, inodes_of, listening, session
from tests.strategies import node

FORWARDS = 8


def held_by_others(tmp_path: Path, stack: ExitStack, ledger: Ledger) -> Node:
    """A node with a silent connection of another instance on each of its ports."""
    ports = []
    for number in range(FORWARDS):
        listener = stack.enter_context(listening())
        holder = stack.enter_context(session(tmp_path, listener))
        ports.append(listener.getsockname()[1])
        ledger.register(
            Registration(
                node=node().name,
                instance=f"other{number}",
                session=identity(holder.pid),
                peer="192.0.2.1:4000",
                registered_at=time.time(),
                inodes=inodes_of(listener),
            )
        )
        listener.close()
    return node(ports=tuple(ports))


async def test_all_who_hold_the_ports_of_a_claim_are_probed_side_by_side(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    ledger = Ledger(layout, None)
    with ExitStack() as stack:
        office = held_by_others(tmp_path, stack, ledger)
        endless = Policy(deadline_s=300.0)  # no probe ends before the test does
        config = Config(tunnel_user=current_user(), policy=endless)
        gateway = Gateway(
            layout, config, ledger, Registry(nodes=MappingProxyType({office.name: office}))
        )
        claim = asyncio.create_task(
            Requests(gateway).answer(
                Asked(node=office.name, peer="192.0.2.2 4000", command="claim mine"), None
            )
        )
        try:
            while not all(
                gateway.watcher.turns[forward.port].probing.locked() for forward in office.forwards
            ):
                assert not claim.done()
                await asyncio.sleep(0.01)
        finally:
            claim.cancel()
            await asyncio.wait([claim])
