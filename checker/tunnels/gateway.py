"""One gateway: its registry, its ledger, and probing a forward until its status is clear."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import (
    EventKind,
    Forward,
    Node,
    NodeName,
    Place,
    Status,
    Tunnel,
)
from checker.output import today
from checker.registry.differences import Differences
from checker.registry.indexed_nodes import PINNED, TWO_KEYS
from checker.registry.nodes import Registry
from checker.registry.succession import old_key_note
from checker.state.ledger import Ledger
from checker.tunnels.comparer import Comparer
from checker.tunnels.judge import LIVES, Judgement
from checker.tunnels.rate_limits import NODE_WAITS_S, Limit, Limits
from checker.tunnels.rights import Rights
from checker.tunnels.sent_away import SentAway
from checker.tunnels.shared_key import INSTANCE, is_over, shared_ports, still_unregistered
from checker.tunnels.watch import Watcher

log = logging.getLogger(__name__)
REFUSALS = Limit(a_minute=20, saved_up=120)
"""Rate of refusals per node that are logged: devices repeat themselves, and a thief must not fill
the log.
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
        """A process that does not sweep gives the current uptime as `swept_since_s`: verdicts of an
        earlier daemon are older than the connections registered here.
        """
        self.layout = layout
        self.config = config
        self.ledger = ledger
        self.watcher = Watcher(layout, config, ledger)
        self.comparer = Comparer(self.watcher)
        self.rights = Rights(layout, ledger, self.watcher)
        if swept_since_s:
            # the next claim meets another process, which starts counting again
            self.watcher.clones.first_wait_s = config.policy.longest_wait_s
        self.registry = registry
        self.sent_away = SentAway()
        self.enrolling: Mapping[str, str] = {}
        """The id of each enrolment, by the fingerprint of its key."""
        self.swept_since_s = swept_since_s
        self.refused = Limits(REFUSALS)
        self.awaited = Differences(Registry(), registry).added_ports()
        """Ports that were added to nodes, and on which their devices have not listened yet."""
        self.left: set[Place] = set()
        """Where forwards were that a version of a node, taken meanwhile, may not have any more."""
        self.note_registry()

    def use(self, registry: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
        """Use this registry from now on; return the old and new names of renamed nodes. Only what
        changed costs time.
        """
        before = self.registry
        changes = Differences(before, registry)
        renamed = changes.renames()
        for old, new in renamed:
            self.ledger.rename(old, new)
            self.watcher.clones.rename(old, new)
            self.watcher.shut_outs.rename(old, new)
        told = {broken.reason for broken in before.broken_files}
        for broken in registry.broken_files:
            if broken.reason not in told:
                self.ledger.log_event(EventKind.GATEWAY, broken.sentence, node=broken.name)
        if registry.unknown_keys not in ("", before.unknown_keys):
            self.ledger.log_event(EventKind.GATEWAY, registry.unknown_keys)
        away = changes.gone()
        for name in (*away, *changes.rekeyed()):
            self.watcher.clones.forget(name)
        self.watcher.shut_outs.remove(away)
        self.awaited |= changes.added_ports()
        self.left |= {place for name in changes.names for place in places_of(before, name)}
        self.left |= {
            (new, port) for name, port in self.left for old, new in renamed if name == old
        }
        knows_all = not (before.broken or self.ledger.sightings.by_port)
        self.registry = registry
        self.note_registry()
        if registry.broken:
            return renamed
        if knows_all:
            self.forget_left()
        else:
            self.forget_gone()
        return renamed

    def forget_left(self) -> None:
        """Forget the tunnels of forwards that their nodes do not have any more."""
        there = {place for name, _ in self.left for place in places_of(self.registry, name)}
        for place in self.left - there:
            if place in self.ledger.tunnels or place in self.ledger.shown:
                self.ledger.forget(place)
        self.left.clear()
        self.watcher.patience.keep_only(self.ledger.tunnels.keys())

    def forget_gone(self) -> None:
        """Forget all nodes and forwards that are not in the registry, unless a file is broken:
        among many nodes this takes a while.
        """
        if self.registry.broken:
            return
        self.watcher.clones.keep_only(self.registry.nodes)
        self.watcher.shut_outs.keep_only(self.registry.nodes)
        self.ledger.keep_only([*self.registry.forwards, *self.ledger.sightings.forwards])
        self.left.clear()
        self.watcher.patience.keep_only(self.ledger.tunnels.keys())

    def take(self, node: Node) -> None:
        """Use this version of a node from now on."""
        self.left.update(places_of(self.registry, node.name))
        self.registry = self.registry.with_node(node)
        self.note_registry()

    def note_registry(self) -> None:
        """Pass on what the registry says: whose each port is, and which nodes have two keys.

        Forget unregistered devices that are registered by now, or gone for good.
        """
        sightings, registry, now = self.ledger.sightings, self.registry, time.time()
        kept = still_unregistered(sightings.by_port.values(), registry, self.config.shared_key)
        sightings.keep_only(
            one for one in kept if not is_over(one, self.ledger.tunnel(one.forward), now)
        )
        self.watcher.shared = shared_ports(registry, sightings.by_port)
        self.comparer.use(one for node in registry.flagged(PINNED) for one in node.forwards)
        self.watcher.beating_every_s = registry.paces
        self.watcher.waiting = {
            node.name: old_key_note(node) for node in registry.flagged(TWO_KEYS)
        }

    async def forget_ended(self) -> None:
        """Forget connections of the shared key that ended."""
        for name in {
            one.node for one in self.ledger.registrations.values() if one.instance == INSTANCE
        }:
            await self.ledger.of_node(name)

    def log_refusal(self, name: NodeName, text: str, *, actor: str) -> None:
        """Log a refusal to a node, or to a device under any other name, unless it had too many
        lately.
        """
        if self.refused.enter(name, time.monotonic()) is None:
            self.refused.leave(name)
            self.ledger.log_event(
                EventKind.REFUSED,
                text,
                node=name if name in self.registry.nodes else None,
                actor=actor,
            )

    def forget_refused(self) -> None:
        """Drop the counts of those who were refused nothing lately."""
        self.refused.forget(time.monotonic())
        self.watcher.shut_outs.forget(time.monotonic())

    async def settle_all(self, forwards: Sequence[Forward], *, actor: str) -> list[Judgement]:
        """Settle several forwards at once, for a node that waits for the answer."""
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
        """Probe until it is clear whether the forward works, and act on it.

        What is not clear by `until` (monotonic) is left to the sweep; the action then is a Recheck.
        """
        node = self.registry.nodes.get(forward.node)
        barred = node.barred(today()) if node else ""
        if barred:
            return await self.rights.shut(forward, barred)
        judgement = await self.watcher.probe_once(forward, actor=actor, until=until)
        if judgement.tunnel.session:
            self.awaited.discard((forward.node, forward.port))
        if node and judgement.tunnel.session:
            place = await self.watcher.holders.place(forward, newer_than=0.0)
            too_old = self.rights.why_too_old(node, judgement.tunnel.session, place)
            if too_old:
                ended = await self.rights.end_old(forward, judgement.tunnel.session, too_old)
                return ended or await self.watcher.probe_once(forward, actor=actor, until=until)
            await self.follow_device(node, judgement.tunnel)
        siblings = [other for other in node.forwards if other.port != forward.port] if node else []
        return await self.watcher.probe_until_clear(
            forward, judgement, siblings=siblings, actor=actor, until=until
        )

    def still_down(
        self, forward: Forward, *, newer_than: float, every_s: float | None = None
    ) -> Judgement | None:
        """Judge a forward that was not there by the list of listeners; None if it must be
        settled. `every_s`: until it is judged again; None: as long as usual.
        """
        node = self.registry.nodes.get(forward.node)
        if node and node.barred(today()):
            return None
        return self.watcher.still_down(forward, newer_than=newer_than, every_s=every_s)

    async def follow_device(self, node: Node, tunnel: Tunnel) -> None:
        """Remove the node's old key or port if this tunnel, just probed, shows that its device uses
        the new one.
        """
        if not node.is_waiting or node.name in self.registry.broken:
            return
        # the node's forwards are probed side by side, but each key or port is removed once
        async with self.rights.handover.turn:
            before = self.registry.nodes.get(node.name)
            after = await self.rights.handover.followed(before, tunnel) if before else None
            if after is not None and after is not before:
                self.take(after)

    def note_contact(self, forwards: Sequence[Forward]) -> None:
        """Note that the node asked about these now."""
        for forward in forwards:
            self.watcher.record.asked(forward)

    def verdict(self, node: Node) -> int:
        """Return what the node's connection hears: the longest wait over its forwards, as last
        judged.

        A port that `is_excused` does not count if another forward works, or may work, as it was not
        judged since the node connected: leaving would cost that one and gain nothing. While the
        gateway drains, a node may have to leave all the same.
        """
        seen = [(forward, self.ledger.tunnel(forward)) for forward in node.forwards]
        works = any(
            tunnel.status in LIVES or not (tunnel.verdict or self.is_excused(forward, tunnel))
            for forward, tunnel in seen
        )
        waits = (
            tunnel.verdict
            for forward, tunnel in seen
            if not (works and self.is_excused(forward, tunnel))
        )
        return max(self.sent_away.waits.get(node.name, 0), *waits, 0)

    def is_excused(self, forward: Forward, tunnel: Tunnel) -> bool:
        """Whether another connection of the node could not mend the forward: another program holds
        the port, or the device does not know the forward yet, or no longer.
        """
        return tunnel.status is Status.FOREIGN or (
            tunnel.session is None
            and (forward.leaves_at > 0 or (forward.node, forward.port) in self.awaited)
        )


def places_of(registry: Registry, name: NodeName) -> tuple[Place, ...]:
    """Return where the node's tunnels are; nothing if there is no such node."""
    node = registry.nodes.get(name)
    return () if node is None else tuple((name, forward.port) for forward in node.forwards)
