"""Enforce what keys allow: replaced keys, nodes that may not listen, keys on two devices."""

from __future__ import annotations

import asyncio
import time

from checker.config.layout import Layout
from checker.model import EventKind, Forward, Node, NodeName, Port, ProcessId
from checker.model.instance import is_other_path
from checker.state import beats
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import Arrival
from checker.tunnels.handover import Handover, began_at
from checker.tunnels.judge import Judgement
from checker.tunnels.kill_reasons import Holder, why_too_old
from checker.tunnels.peers import host_of
from checker.tunnels.watch import Watcher


class Rights:
    """Who may keep a port, who loses it, and who must wait."""

    def __init__(self, layout: Layout, ledger: Ledger, watcher: Watcher) -> None:
        self.layout = layout
        self.ledger = ledger
        self.watcher = watcher
        self.handover = Handover(layout, ledger, watcher)

    async def shut(self, forward: Forward, why: str) -> Judgement:
        """Kill the session that holds the port of a node that may not listen; probe nothing."""
        judgement = await self.watcher.shut(forward, why)
        assert judgement is not None
        return judgement

    async def end_old(self, forward: Forward, session: ProcessId, why: str) -> Judgement | None:
        """Shut a forward whose holder was older than its right when it was probed; return None if
        another connection holds the port by now.
        """
        return await self.watcher.shut(forward, why, session=session)

    def why_too_old(self, node: Node, session: ProcessId, port: Port | None) -> str:
        """Why a connection is not the node's although it holds the port, as a clause; empty if it
        may be.
        """
        return why_too_old(node, began_at(session), port, time.time())

    async def holder(self, session: ProcessId) -> Holder:
        """Return what is known of the connection that holds a port which its node claims."""
        return Holder(
            session=session,
            began_at=began_at(session),
            key=await asyncio.to_thread(beats.noted_key, self.layout.spool, session),
            registration=self.ledger.registrations.get(session),
        )

    def is_other_path(self, session: ProcessId | None, instance: str) -> bool:
        """Whether the connection is the other tunnel of the device that this instance is of."""
        registration = self.ledger.registrations.get(session) if session else None
        return registration is not None and is_other_path(registration.instance, instance)

    def refuse_clone(
        self, forward: Forward, session: ProcessId | None, instance: str, peer: str
    ) -> int:
        """Log that a newcomer met a healthy tunnel of another instance; return the seconds that it
        must wait, longer each time.
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
                f" instance holds ({holder})"
            )
            self.log_clone(
                forward.node,
                f"{text}: is the key on two devices? It must wait {wait_s} s",
                forward,
            )
        return wait_s

    def arrived(self, node: Node, instance: str, peer: str) -> None:
        """Note that an instance holds the node's tunnel; log it if two take turns."""
        arrival = Arrival(instance=instance, peer=host_of(peer))
        if self.watcher.clones.arrived(node.name, arrival, time.monotonic()):
            self.log_clone(
                node.name,
                f"instance {arrival} is back after another came: two devices take turns with"
                " this key",
            )
            self.note_clone(node)

    def log_clone(self, name: NodeName, text: str, forward: Forward | None = None) -> None:
        self.ledger.log_event(
            EventKind.CLONE,
            text,
            node=name,
            port=forward.port if forward else None,
            actor=f"node {name}",
        )

    def note_clone(self, node: Node) -> None:
        """Show at once in the node's rows that its key is on two devices."""
        for forward in node.forwards:
            self.watcher.record.noted_clone(forward, self.watcher.clone_note(node.name))
