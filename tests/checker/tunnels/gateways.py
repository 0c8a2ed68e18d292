"""A gateway in this process whose node's ports are held by stand-ins of sshd's sessions."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.model import EventKind, Node, Policy, ProcessId, Registration
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from tests.checker.sshd.sessions import identity, inodes_of, listening, session
from tests.strategies import node

QUICK = Policy(deadline_s=0.2, strike_gap_s=0.1, starved_s=60.0)
"""A machine that is busy with other tests would otherwise count no strikes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A gateway, its one node, and the process that holds the node's ports."""

    gateway: Gateway
    node: Node
    holder: subprocess.Popen[bytes]

    @property
    def session(self) -> ProcessId:
        return identity(self.holder.pid)

    def events(self, kind: EventKind) -> list[str]:
        return [event.text for event in self.gateway.ledger.pending.events if event.kind is kind]


def gateway_of(folder: Path, office: Node, policy: Policy = QUICK) -> Gateway:
    """A gateway whose tunnel user is ourselves and whose registry has this node."""
    layout = home_layout(folder)
    config = Config(tunnel_user=current_user(), policy=policy)
    registry = Registry(nodes=MappingProxyType({office.name: office}))
    return Gateway(layout, config, Ledger(layout, None), registry)


@contextmanager
def held(folder: Path, *, instance: str = "box", policy: Policy = QUICK) -> Iterator[Held]:
    """A node with two ports that one registered connection holds."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening()) for _ in range(2)]
        office = node(ports=tuple(one.getsockname()[1] for one in listeners))
        gateway = gateway_of(folder, office, policy)
        holder = stack.enter_context(session(folder, listeners[0], others=listeners[1:]))
        inodes = frozenset[int]().union(*map(inodes_of, listeners))
        gateway.ledger.register(
            Registration(
                node=office.name,
                instance=instance,
                session=identity(holder.pid),
                peer="192.0.2.1:4000",
                registered_at=time.time(),
                inodes=inodes,
            )
        )
        for one in listeners:
            one.close()
        yield Held(gateway=gateway, node=office, holder=holder)
