"""What a node's key allows while the gateway runs: keys that were replaced, nodes that may listen
no longer, keys on two devices.
"""

from __future__ import annotations

import time
from dataclasses import replace

from checker.config.layout import Layout
from checker.linux.processes import started_at
from checker.model import EventKind, Flaps, Forward, Node, NodeName, Port, ProcessId, Status, Tunnel
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import Arrival
from checker.tunnels.handover import LOGIN_TAKES_S, Handover
from checker.tunnels.holders import Held
from checker.tunnels.judge import Judgement, Nothing
from checker.tunnels.shared_key import INSTANCE
from checker.tunnels.watch import Watcher


class Rights:
    """Who may go on, who must end, and who must wait."""

    def __init__(self, layout: Layout, ledger: Ledger, watcher: Watcher) -> None:
        self.layout = layout
        self.ledger = ledger
        self.watcher = watcher
        self.handover = Handover(layout, ledger, watcher)

    async def shut(self, forward: Forward, why: str) -> Judgement:
        """A forward of a node that may not listen: whatever session of its own holds the port is
        ended, and nothing is probed.
        """
        async with self.watcher.turns[forward.port].lock:
            return await self.close(
                forward, why, await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            )

    async def end_old(self, forward: Forward, session: ProcessId, why: str) -> Judgement | None:
        """Shut a forward whose holder, when it was probed, was older than its right; None if
        another connection holds it by now.
        """
        async with self.watcher.turns[forward.port].lock:
            held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            return await self.close(forward, why, held) if held.session == session else None

    async def close(self, forward: Forward, why: str, held: Held) -> Judgement:
        """End the holder, and note why nothing is probed; under the port's lock."""
        if held.session is not None:
            await self.watcher.end(
                forward,
                held.session,
                held.inodes,
                actor="daemon",
                why=f"its node may not listen: {why}",
            )
        before = self.ledger.tunnel(forward)
        after = Tunnel(
            node=forward.node, port=forward.port, detail=why, kills=before.kills, since=before.since
        )
        if (before.status, before.detail) != (Status.UNKNOWN, why):
            after = replace(after, since=time.time())
            text = f"{before.status} -> {after.status}: {why}"
            self.ledger.tell(EventKind.STATUS, text, node=forward.node, port=forward.port)
        if after != replace(before, revision=0):
            self.ledger.put(after)
        self.ledger.put_flaps(forward.node, Flaps())
        return Judgement(tunnel=after, flaps=Flaps(), action=Nothing())

    def why_too_old(self, node: Node, session: ProcessId, port: Port | None = None) -> str:
        """Why a connection is not the node's although it holds its port, as a clause; empty where
        it may be.

        sshd fixes what a connection may bind at its login: one from before a key was revoked, or a
        port given away, can bind it still. A clock that was set back since, or a key still shared,
        proves nothing. A port that a forward moves to is its own since then.
        """
        moving = (
            forward.next_port_at
            for forward in node.forwards
            if forward.next_port is not None and forward.next_port == port
        )
        now, since = time.time(), next(moving, node.rights_since)
        began = started_at(session, now, time.clock_gettime(time.CLOCK_BOOTTIME))
        if node.is_shared or since > now or began > since - LOGIN_TAKES_S:
            return ""
        return "the connection is older than the node's right to the port"

    async def why_end(
        self, node: Node, instance: str, session: ProcessId, port: Port | None = None
    ) -> str:
        """Why a newcomer's claim ends this connection without a probe, as a clause; empty where it
        does not.
        """
        too_old = self.why_too_old(node, session, port)
        held_by = self.ledger.registrations.get(session)
        if too_old or held_by is None:
            return too_old
        if held_by.instance == instance:
            return "claimed by a new connection of the same instance"
        if held_by.instance == INSTANCE and not node.is_shared:
            return "claimed with the node's own key, from the shared one"
        return (
            "claimed with the key that replaced its own"
            if await self.handover.is_of_lost_key(node, session)
            else ""
        )

    async def is_outdated(self, node: Node, session: ProcessId) -> bool:
        """Whether it is a connection of the key that is to go, which makes way for a claim with the
        new one.
        """
        held_by = self.ledger.registrations.get(session)
        return (
            held_by is not None and held_by.instance == INSTANCE
        ) or await self.handover.is_of_old_key(node, session)

    def refuse_clone(
        self, forward: Forward, session: ProcessId | None, instance: str, peer: str
    ) -> int:
        """A newcomer met a healthy tunnel of another instance: the seconds that it is to wait,
        longer each time.
        """
        registration = self.ledger.registrations.get(session) if session else None
        holder = (
            Arrival(instance=registration.instance, peer=host_of(registration.peer))
            if registration
            else Arrival(instance="")
        )
        newcomer = Arrival(instance=instance, peer=host_of(peer))
        wait_s, is_news = self.watcher.clones.refuse(
            forward.node, holder, newcomer, time.monotonic()
        )
        if is_news:
            text = (
                f"instance {newcomer} claims port {forward.port}, which a healthy tunnel of another"
                f" holds ({holder})"
            )
            self.tell(
                forward.node,
                f"{text}: is the key on two devices? It is to wait {wait_s} s",
                forward,
            )
        return wait_s

    def arrived(self, node: Node, instance: str, peer: str) -> None:
        """An instance holds the node's tunnel; where two take turns, that is told."""
        arrival = Arrival(instance=instance, peer=host_of(peer))
        if self.watcher.clones.arrived(node.name, arrival, time.monotonic()):
            self.tell(
                node.name,
                f"instance {arrival} is back after another came: two devices take turns with"
                " this key",
            )
            self.note_clone(node)

    def tell(self, name: NodeName, text: str, forward: Forward | None = None) -> None:
        self.ledger.tell(
            EventKind.CLONE,
            text,
            node=name,
            port=forward.port if forward else None,
            actor=f"node {name}",
        )

    def note_clone(self, node: Node) -> None:
        """The rows of the node say at once that its key is on two devices."""
        for forward in node.forwards:
            self.ledger.put(self.watcher.with_clone(self.ledger.tunnel(forward)))


def host_of(peer: str) -> str:
    """The address of ADDRESS:PORT, which stays the same over connections."""
    return peer.rpartition(":")[0]
