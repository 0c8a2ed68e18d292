"""Remove a node's old key, a forward's old port, or a forward, once its device has followed."""

from __future__ import annotations

import asyncio
import time

from checker.config.layout import Layout
from checker.haproxy.publish import tell_haproxy
from checker.linux.processes import started_at
from checker.model import (
    CheckerError,
    EventKind,
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Tunnel,
    fingerprint,
)
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import use_new_key
from checker.registry.edits import without_old_key, without_old_port
from checker.registry.key_lines import NEW
from checker.registry.lock import is_ours, locked
from checker.registry.succession import has_followed
from checker.state import beats
from checker.state.ledger import Ledger
from checker.tunnels import key_rotation
from checker.tunnels.judge import LIVES
from checker.tunnels.kill_reasons import began_before
from checker.tunnels.port_owner import Owner
from checker.tunnels.watch import Watcher

TAKEOVER_EVERY_S = 300.0
"""Shortest time between two takeovers of a healthy tunnel by a node's new key: a client that claims
but never holds must not keep cutting the tunnel that works.
"""


class Handover:
    """What is known of devices that have a new key or port but still use the old one."""

    def __init__(self, layout: Layout, ledger: Ledger, watcher: Watcher) -> None:
        self.layout = layout
        self.ledger = ledger
        self.watcher = watcher
        self.first_beats: dict[ProcessId, float] = {}
        self.taken_over: dict[NodeName, float] = {}
        self.turn = asyncio.Lock()

    async def note_key(self, node: Node, key: str, session: ProcessId) -> None:
        """Remember which of the node's two keys the connection logged in with; `key` is from its
        key line.

        A connection that is older than the new key may call its own key new and mean one that was
        withdrawn since.
        """
        if node.next_key is None or (
            key == NEW and began_before(began_at(session), node.next_key_at, time.time())
        ):
            return
        opened_by = node.next_key if key == NEW else node.public_key
        await asyncio.to_thread(beats.note_key, self.layout.spool, session, fingerprint(opened_by))

    def took_over_lately(self, node: Node, now: float) -> bool:
        """Whether a claim with the new key ended a connection of the old one a short while before
        `now` (monotonic).
        """
        last = self.taken_over.get(node.name)
        return last is not None and now - last < TAKEOVER_EVERY_S

    def note_takeover(self, node: Node, now: float) -> None:
        """A claim with the new key ends a connection of the old one now (monotonic)."""
        self.taken_over[node.name] = now

    async def followed(self, node: Node, tunnel: Tunnel) -> Node:
        """Return the node after a probe: without its old key or port, or a forward that leaves, if
        the probed tunnel shows that its device has followed.
        """
        session = tunnel.session
        if session is None or not node.is_waiting:
            return node
        steady = await self.is_steady(session)
        if node.next_key is not None and steady and await self.holds_all(node, session):
            noted = await asyncio.to_thread(beats.noted_key, self.layout.spool, session)
            if noted == fingerprint(node.next_key):
                node = await self.end_old_key(node)
        forward = next(
            (f for f in node.forwards if f.next_port is not None and f.port == tunnel.port), None
        )
        if (
            forward is not None
            and forward.next_port is not None
            and await self.has_moved(forward, session, tunnel, steady=steady)
        ):
            node = await self.end_old_port(node, forward, forward.next_port)
        for leaving in node.forwards:
            if leaving.leaves_at and await self.has_left(leaving, session, tunnel, steady=steady):
                node = await self.end_forward(node, leaving)
        return node

    async def is_steady(self, session: ProcessId) -> bool:
        """Whether the connection sent a beat and then kept working."""
        last = await asyncio.to_thread(beats.beaten_at, self.layout.spool, session)
        if last is not None:
            self.first_beats.setdefault(session, last)
        carried = max(
            (at for other, at in self.watcher.signs.answered.values() if other == session),
            default=None,
        )
        return has_followed(self.first_beats.get(session), last, carried)

    async def holds_all(self, node: Node, session: ProcessId) -> bool:
        """Whether this connection holds all of the node's ports that have a listener of ours."""
        found = [
            held
            for forward in node.forwards
            for held in await self.watcher.holders.all_held(forward, newer_than=time.monotonic())
        ]
        ours = [held.session for held in found if held.owner is Owner.OURS]
        return bool(ours) and all(holder == session for holder in ours)

    async def has_moved(
        self, forward: Forward, session: ProcessId, tunnel: Tunnel, *, steady: bool
    ) -> bool:
        """Whether the device listens on the new port for good: it beats there or, if it never
        beats, a probe was answered.
        """
        before, after = await self.watcher.holders.all_held(forward, newer_than=time.monotonic())
        if after.session != session or before.owner is Owner.OURS:
            return False
        return steady if session in self.ledger.registrations else tunnel.status in LIVES

    async def has_left(
        self, forward: Forward, session: ProcessId, tunnel: Tunnel, *, steady: bool
    ) -> bool:
        """Whether the device no longer asks for a forward that leaves: a connection that
        began since then works for good, and nobody listens on that port.
        """
        if tunnel.port == forward.port or began_at(session) < forward.leaves_at:
            return False
        found = await self.watcher.holders.all_held(forward, newer_than=time.monotonic())
        if any(held.owner is Owner.OURS for held in found):
            return False
        return steady if session in self.ledger.registrations else tunnel.status in LIVES

    async def end_forward(self, node: Node, forward: Forward) -> Node:
        """Remove a forward that its device has left; return the node after that."""
        try:
            after = await asyncio.to_thread(self.write_port, node, forward.port)
        except CheckerError as error:
            self.ledger.complain(
                f"node {node.name} no longer listens on port {forward.port}, but the forward could"
                f" not be removed: {error}"
            )
            return node
        text = "its device no longer listens there, so the forward was removed"
        self.ledger.log_event(
            EventKind.REGISTRY, text, node=node.name, port=forward.port, actor=f"node {node.name}"
        )
        return after

    async def end_old_key(self, node: Node) -> Node:
        """Remove the old key; return the node after that."""
        try:
            after = await asyncio.to_thread(self.write_key, node)
        except CheckerError as error:
            self.ledger.complain(
                f"node {node.name} uses its new key, but the old one could not be removed: {error}"
            )
            return node
        self.first_beats.clear()
        self.watcher.clones.forget(node.name)
        text = "the new key was used, and is the only one now"
        self.ledger.log_event(EventKind.REGISTRY, text, node=node.name, actor=f"node {node.name}")
        return after

    async def end_old_port(self, node: Node, forward: Forward, port: Port) -> Node:
        """Remove the old port; return the node after that. The row goes on at the new port."""
        try:
            after = await asyncio.to_thread(self.write_port, node, port)
        except CheckerError as error:
            self.ledger.complain(
                f"node {node.name} listens on port {port}, but {forward.port} could not be removed:"
                f" {error}"
            )
            return node
        self.watcher.record.moved(forward, port)
        text = f"its device listens on port {port}, which took the place of {forward.port}"
        self.ledger.log_event(
            EventKind.REGISTRY, text, node=node.name, port=port, actor=f"node {node.name}"
        )
        return after

    def write_key(self, node: Node) -> Node:
        """Write the node without its old key; if only root may, root does it a moment later."""
        return self.write(node, without_old_key(node), None)

    def write_port(self, node: Node, port: Port) -> Node:
        """Write the forward without its old port, as `write_key` does."""
        return self.write(node, without_old_port(node, port), port)

    def write(self, node: Node, after: Node, port: Port | None) -> Node:
        if not is_ours(self.layout):
            key_rotation.note(self.layout, node.name, port)
            return after
        with locked(self.layout):
            after = use_new_key(self.layout, node.name, gate_command(self.layout), port)
        note = None if port is None else tell_haproxy(self.layout)
        if note is not None:
            self.ledger.complain(note.text)
        return after


def began_at(session: ProcessId) -> float:
    """When the session's process started, in Unix seconds by the clock as it is now set."""
    return started_at(session, time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
