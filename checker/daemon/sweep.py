"""The sweep: probe each forward when it is due, and write its node's verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from checker.daemon.schedule import Schedule
from checker.daemon.verdicts import Verdicts
from checker.model import CheckerError, Forward, NodeName
from checker.registry.nodes import Registry
from checker.tunnels.due import next_probe_s
from checker.tunnels.gateway import Gateway
from checker.tunnels.judge import Kill

SOON_S = 0.3
"""After a node connected, or lost its connection, until it is probed."""


class Sweeper:
    """Probes the forwards of one gateway, those of unregistered devices too."""

    def __init__(self, gateway: Gateway, verdicts: Verdicts) -> None:
        self.gateway = gateway
        self.verdicts = verdicts
        self.policy = gateway.config.policy
        self.schedule = Schedule(self.policy.probe_every_s)
        self.wake = asyncio.Event()
        self.paces: dict[NodeName, float] = {}
        gateway.ledger.sightings.on_news = self.use_unregistered

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for forward in self.schedule.ripe(now):
                    group.create_task(
                        self.probe(forward), name=f"probe {forward.node} {forward.port}"
                    )
                next_at = self.schedule.next_at(now)
                self.wake.clear()
                try:
                    async with asyncio.timeout(max(0.01, next_at - now)):
                        await self.wake.wait()
                except TimeoutError:
                    continue

    async def probe(self, forward: Forward) -> None:
        """Probe and judge one forward."""
        judgement = None
        try:
            judgement = await self.gateway.settle(forward)
        except* (CheckerError, OSError) as troubles:
            self.gateway.ledger.complain(
                f"cannot probe port {forward.port} of {forward.node}: {troubles.exceptions[0]}"
            )
        if judgement is None:
            self.schedule.done(forward, time.monotonic(), self.policy.probe_every_s)
            return
        every_s = self.gateway.watcher.every_s(forward, judgement.tunnel.session)
        after_s = next_probe_s(judgement.action, self.policy, every_s)
        self.schedule.done(forward, time.monotonic(), after_s)
        if isinstance(judgement.action, Kill):
            self.probe_soon([forward.node])  # its other forwards, and perhaps it is back
        self.wake.set()
        await self.verdicts.write(forward.node)

    def probe_soon(self, nodes: Iterable[NodeName]) -> None:
        """Probe these nodes' forwards next."""
        for node in nodes:
            self.schedule.soon(node, time.monotonic() + SOON_S)
        self.wake.set()

    async def watch_beats(self) -> None:
        """Probe at once what a connection carries if its beat is overdue, or if it ended."""
        doubted = await self.gateway.watcher.doubted()
        if not doubted:
            return
        tunnels = self.gateway.ledger.tunnels.values()
        ports = [tunnel.port for tunnel in tunnels if tunnel.session in doubted]
        self.schedule.at_once(ports, time.monotonic())
        self.wake.set()

    def use(self, registry: Registry) -> None:
        """Probe the forwards of this registry from now on; soon, if their node has another pace."""
        self.schedule.use(registry, time.monotonic(), self.gateway.ledger.sightings.forwards)
        before, self.paces = self.paces, paces_in(registry)
        self.probe_soon([name for name, _ in before.items() ^ self.paces.items()])

    def use_unregistered(self) -> None:
        """Probe what the shared key's devices listen on now."""
        self.use(self.gateway.registry)

    @property
    def keeps_time(self) -> bool:
        """Whether no forward has been due for more than an interval."""
        return self.schedule.overdue_s(time.monotonic()) <= self.policy.probe_every_s


def paces_in(registry: Registry) -> dict[NodeName, float]:
    """Return the seconds between two probes of the nodes that have a number of their own."""
    return {
        node.name: node.probe_beating_every_s
        for node in registry.nodes.values()
        if node.probe_beating_every_s is not None
    }
