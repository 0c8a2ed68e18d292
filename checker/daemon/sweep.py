"""The sweep: probe each forward when it is due, and write its node's verdict."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Sequence

from checker.daemon.schedule import Schedule
from checker.daemon.verdicts import Verdicts
from checker.model import CheckerError, Forward, NodeName, Port, ProcessId, Tunnel
from checker.registry.nodes import Registry
from checker.tunnels.due import next_probe_s, rest_s
from checker.tunnels.gateway import Gateway
from checker.tunnels.judge import Kill
from checker.tunnels.observe import NOT_THERE

LIST_FRESH_S = 2.0
"""The list of listeners may be as old as this where nobody listened before; what listens since is
probed at once when it is read.
"""
LIST_EVERY_S = 5.0
"""The oldest that the list becomes. Probes of tunnels that beat have it read as often."""
AT_A_TIME = 25
"""Forwards that are judged by the list before other work has its turn."""
GIVES_WAY_S = 1.0
"""The longest that judging by the list waits for an operator's answer."""
TOGETHER_S = 0.25
"""The shortest sleep of the sweep. Forwards that are due meanwhile are probed together: for 2,000
tunnels that takes a quarter less of a core than one by one.
"""
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
        self.next_at = -math.inf
        """When the first forward was due, as far as the sweep knew when it began to sleep;
        monotonic.
        """
        self.awaited = 0
        """Operators who wait for an answer now."""
        self.answered = asyncio.Event()
        """Set while there are none."""
        self.gives_way_at = 0.0
        """When judging by the list may wait for an answer again; monotonic."""
        self.paces: dict[NodeName, float] = {}
        self.rest_s = self.policy.probe_every_s
        """Seconds between two judgements where nobody listens."""
        gateway.watcher.shut_outs.on_news = lambda node: self.probe_soon([node])
        gateway.ledger.sightings.on_news = self.use_unregistered
        gateway.watcher.holders.table.on_new = self.probe_new

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                down = []
                for forward in self.schedule.ripe(now):
                    if self.gateway.ledger.tunnel(forward).status in NOT_THERE:
                        down.append(forward)
                    else:
                        self.begin(group, forward)
                if down:
                    group.create_task(self.look(group, down), name="look for listeners")
                await self.sleep(now)

    async def sleep(self, now: float) -> None:
        """Wait until a forward is due, as far as it is known at `now`, or until woken."""
        self.wake.clear()
        self.next_at = self.schedule.next_at(now)
        sleeps_s = max(TOGETHER_S, self.next_at - now)
        timer = asyncio.get_running_loop().call_later(sleeps_s, self.wake.set)
        try:
            await self.wake.wait()
        finally:
            timer.cancel()

    def wake_if_sooner(self) -> None:
        """Wake the sweep if a forward is due before all that it knew when it began to sleep."""
        if self.schedule.next_at(time.monotonic()) < self.next_at:
            self.wake.set()

    def begin(self, group: asyncio.TaskGroup, forward: Forward) -> None:
        """Begin to probe."""
        group.create_task(self.probe(forward), name=f"probe {forward.node} {forward.port}")

    async def look(self, group: asyncio.TaskGroup, down: Sequence[Forward]) -> None:
        """Judge those on whose ports still nobody listens by one list, without a connection, and
        begin to probe the others.
        """
        since = time.monotonic() - LIST_FRESH_S
        await self.read_list(since)
        self.wake_up()
        self.rest_s = rest_s(self.policy, len(self.schedule.resting), self.rest_s)
        for start in range(0, len(down), AT_A_TIME):
            part = down[start : start + AT_A_TIME]
            await self.give_way()
            for forward in part:
                every_s = self.rest_s if self.may_rest(forward) else self.policy.probe_every_s
                if self.gateway.still_down(forward, newer_than=since, every_s=every_s) is None:
                    self.begin(group, forward)
                else:
                    self.schedule.rest(forward, time.monotonic(), every_s)
            await self.verdicts.write(*(forward.node for forward in part))
        self.wake_if_sooner()

    async def look_for_new(self) -> None:
        """List what listens now and then, though no forward is due: a tunnel whose client does not
        register shows only there.
        """
        await self.read_list(time.monotonic() - LIST_EVERY_S)

    async def read_list(self, since: float) -> None:
        """Have the listeners read after `since` (monotonic); new ones are probed at once."""
        try:
            await self.gateway.watcher.holders.table.all(newer_than=since)
        except OSError as error:
            self.gateway.ledger.complain(f"cannot list what listens: {error}")

    def may_rest(self, forward: Forward) -> bool:
        """Whether nothing about the forward changes before somebody listens on its port: it has no
        other port, and its node lost no tunnel lately, so its verdict stays.
        """
        flaps = self.gateway.ledger.flaps.get(forward.node)
        return forward.next_port is None and (flaps is None or not flaps.count)

    def wake_up(self) -> None:
        """Judge at once the resting forwards that have a listener by the last list."""
        table, uid = self.gateway.watcher.holders.table, self.gateway.watcher.uid
        listed = self.schedule.resting.keys() & table.by_port.keys()
        taken = [one for one in listed if not table.is_vacant(one, uid, newer_than=-math.inf)]
        self.schedule.at_once(taken, time.monotonic())

    async def give_way(self) -> None:
        """Let other work have its turn; while an operator waits, all that his answer needs. For as
        long as it waited, it does not wait again: answers without a pause must not hold it up.
        """
        await asyncio.sleep(0)
        began = time.monotonic()
        if self.awaited and began >= self.gives_way_at:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GIVES_WAY_S):
                    await self.answered.wait()
            now = time.monotonic()
            self.gives_way_at = now + (now - began)

    @contextlib.contextmanager
    def giving_way(self) -> Iterator[None]:
        """Judge no forward by the list during the block, which answers an operator: thousands may
        be due.
        """
        self.awaited += 1
        self.answered.clear()
        try:
            yield
        finally:
            self.awaited -= 1
            if not self.awaited:
                self.answered.set()

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
        self.wake_if_sooner()
        await self.verdicts.write(forward.node)

    def probe_new(self, ports: frozenset[Port]) -> None:
        """Probe at once the forwards that were not there, and have a listener by now."""
        found = [self.schedule.forwards[port] for port in ports & self.schedule.forwards.keys()]
        gone = [one.port for one in found if self.gateway.ledger.tunnel(one).status in NOT_THERE]
        if gone:
            self.schedule.at_once(gone, time.monotonic())
            self.wake.set()

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
        ports = [row.port for row in self.rows_of(doubted) if row.session in doubted]
        self.schedule.at_once(ports, time.monotonic())
        self.wake.set()

    def rows_of(self, sessions: Iterable[ProcessId]) -> Iterable[Tunnel]:
        """Return the rows among which these connections' are: those of their nodes, or all if not
        each of them registered as a node.
        """
        ledger, nodes = self.gateway.ledger, self.gateway.registry.nodes
        known = [ledger.registrations.get(session) for session in sessions]
        names = {one.node for one in known if one is not None}
        if None in known or not names <= nodes.keys():
            return ledger.tunnels.values()
        return [ledger.tunnel(forward) for name in names for forward in nodes[name].forwards]

    def use(self, registry: Registry) -> None:
        """Probe the forwards of this registry from now on; soon, if their node has another pace."""
        self.schedule.use(registry, time.monotonic(), self.gateway.ledger.sightings.forwards)
        before, self.paces = self.paces, registry.paces
        self.probe_soon([name for name, _ in before.items() ^ self.paces.items()])

    def use_unregistered(self) -> None:
        """Probe what the shared key's devices listen on now."""
        self.use(self.gateway.registry)

    @property
    def keeps_time(self) -> bool:
        """Whether no forward has been due for more than an interval."""
        return self.schedule.overdue_s(time.monotonic()) <= self.policy.probe_every_s
