"""One gateway: its registry, what it knows of tunnels, and probing one until it is clear."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import (
    EventKind,
    Forward,
    Node,
    NodeName,
    Status,
    Tunnel,
)
from checker.output import today
from checker.registry.nodes import Registry, renames, with_the_same_key
from checker.registry.succession import old_key_note
from checker.state.ledger import Ledger
from checker.tunnels.judge import LIVES, Judgement, Recheck
from checker.tunnels.rate_limits import NODE_WAITS_S, Limit, Limits
from checker.tunnels.rights import Rights
from checker.tunnels.shared_key import INSTANCE, is_over, shared_ports, still_unregistered
from checker.tunnels.watch import Watcher

log = logging.getLogger(__name__)
REFUSALS = Limit(a_minute=20, saved_up=120)
"""What is refused to one node and becomes an event: a device repeats itself, and a thief shall not
fill the log.
"""


class Gateway:
    """One gateway: what it knows (the ledger) and what it can do (the watcher)."""

    def __init__(
        self,
        layout: Layout,
        config: Config,
        ledger: Ledger,
        registry: Registry,
        *,
        swept_since_s: int = 0,
    ) -> None:
        """Who does not sweep gives the uptime of now: an earlier daemon's verdicts are older than
        the connections registered here.
        """
        self.layout = layout
        self.config = config
        self.ledger = ledger
        self.watcher = Watcher(layout, config, ledger)
        self.rights = Rights(layout, ledger, self.watcher)
        if swept_since_s:
            # the next claim meets another process, which counts anew
            self.watcher.clones.first_wait_s = config.policy.longest_wait_s
        self.registry = registry
        self.swept_since_s = swept_since_s
        self.refused = Limits(REFUSALS)
        self.follow()

    def use(self, registry: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
        """From now on the registry is this; the nodes that have another name since, old and new."""
        renamed = renames(self.registry, registry)
        for old, new in renamed:
            self.ledger.rename(old, new)
            self.watcher.clones.rename(old, new)
        told = {broken.reason for broken in self.registry.broken_files}
        for broken in registry.broken_files:
            if broken.reason not in told:
                self.ledger.tell(EventKind.GATEWAY, broken.sentence, node=broken.name)
        if registry.unknown_keys not in ("", self.registry.unknown_keys):
            self.ledger.tell(EventKind.GATEWAY, registry.unknown_keys)
        self.watcher.clones.keep_only(with_the_same_key(self.registry, registry))
        self.registry = registry
        self.follow()
        if not registry.broken:
            self.ledger.keep_only([*registry.forwards, *self.ledger.sightings.forwards])
            self.watcher.patience.keep_only(self.ledger.tunnels.keys())
        return renamed

    def take(self, node: Node) -> None:
        """From now on the node is this."""
        self.registry = self.registry.with_node(node)
        self.follow()

    def follow(self) -> None:
        """Pass on what follows from the registry: whose each port is, and what waits for devices.

        Forget unregistered devices that are registered now, or gone for good.
        """
        sightings, registry, now = self.ledger.sightings, self.registry, time.time()
        kept = still_unregistered(sightings.by_port.values(), registry, self.config.shared_key)
        sightings.keep_only(
            one for one in kept if not is_over(one, self.ledger.tunnel(one.forward), now)
        )
        self.watcher.shared = shared_ports(registry, sightings.by_port)
        self.watcher.waiting = {
            node.name: note for node in self.registry.nodes.values() if (note := old_key_note(node))
        }

    async def forget_ended(self) -> None:
        """Connections that ended are forgotten, under whatever name they were noted."""
        for name in {
            one.node for one in self.ledger.registrations.values() if one.instance == INSTANCE
        }:
            await self.ledger.of_node(name)

    def tell_refused(self, name: NodeName, text: str, *, actor: str) -> None:
        """An event of what was refused to a node, or to whoever comes under another name, if there
        were not too many of it lately.
        """
        if self.refused.enter(name, time.monotonic()) is None:
            self.refused.leave(name)
            self.ledger.tell(
                EventKind.REFUSED,
                text,
                node=name if name in self.registry.nodes else None,
                actor=actor,
            )

    def forget_refused(self) -> None:
        """Drop the count of those who were refused nothing lately."""
        self.refused.forget(time.monotonic())

    async def settle_all(self, forwards: Sequence[Forward], *, actor: str) -> list[Judgement]:
        """Each forward probed until it is clear, side by side, for a node that waits for the
        answer.
        """
        until = time.monotonic() + NODE_WAITS_S
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    self.settle(f, actor=actor, until=until), name=f"probe {f.node} {f.port}"
                )
                for f in forwards
            ]
        return [task.result() for task in tasks]

    async def settle(
        self, forward: Forward, *, actor: str = "daemon", until: float = math.inf
    ) -> Judgement:
        """Probe until it is clear; at a first strike the siblings are asked too, as their answer
        shows the tunnel to live.

        What is not clear by `until` (monotonic) is left to the sweep; the action is a Recheck then.
        """
        node = self.registry.nodes.get(forward.node)
        barred = node.barred(today()) if node else ""
        if barred:
            return await self.rights.shut(forward, barred)
        judgement = await self.watcher.look(forward, actor=actor, until=until)
        if node and judgement.tunnel.session:
            place = await self.watcher.holdings.place(forward, newer_than=0.0)
            too_old = self.rights.why_too_old(node, judgement.tunnel.session, place)
            if too_old:
                ended = await self.rights.end_old(forward, judgement.tunnel.session, too_old)
                return ended or await self.watcher.look(forward, actor=actor, until=until)
            await self.follow_device(node, judgement.tunnel)
        if (
            not isinstance(judgement.action, Recheck)
            or time.monotonic() + judgement.action.after_s >= until
        ):
            return judgement
        siblings = [other for other in node.forwards if other.port != forward.port] if node else []
        async with asyncio.TaskGroup() as group:
            for sibling in siblings:
                group.create_task(
                    self.watcher.look(sibling, actor=actor, until=until),
                    name=f"probe {sibling.node} {sibling.port}",
                )
            await asyncio.sleep(judgement.action.after_s)
        return await self.watcher.settle(forward, actor=actor, until=until)

    async def follow_device(self, node: Node, tunnel: Tunnel) -> None:
        """Take the node's old key or port away if this tunnel, just probed, shows that its device
        needs it no more.
        """
        if not node.is_waiting or node.name in self.registry.broken:
            return
        # the node's forwards are probed side by side, and each thing ends once
        async with self.rights.handover.turn:
            before = self.registry.nodes.get(node.name)
            after = await self.rights.handover.followed(before, tunnel) if before else None
            if after is not None and after is not before:
                self.take(after)

    def note_contact(self, forwards: Sequence[Forward]) -> None:
        """The node asked about these now."""
        for forward in forwards:
            self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=time.time()))

    def verdict(self, node: Node) -> int:
        """The longest wait over the node's forwards, as last judged: what its connection is told.

        Of a port that another program holds not, where another forward works: leaving would cost
        that one, and bring nothing.
        """
        tunnels = [self.ledger.tunnel(forward) for forward in node.forwards]
        works = any(tunnel.status in LIVES for tunnel in tunnels)
        return max(
            (
                tunnel.verdict
                for tunnel in tunnels
                if not (works and tunnel.status is Status.FOREIGN)
            ),
            default=0,
        )
