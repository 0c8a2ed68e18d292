"""Ends the time in which a node has two keys, or a forward two ports: once its device was seen to
have followed, and not before.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

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
from checker.registry.edits import with_moved_alone, with_new_key_alone
from checker.registry.key_lines import NEW
from checker.registry.lock import is_ours, locked
from checker.registry.succession import has_followed
from checker.state import beats
from checker.state.ledger import Ledger
from checker.tunnels import key_rotation
from checker.tunnels.judge import LIVES, Owner
from checker.tunnels.watch import Watcher

LOGIN_TAKES_S = 2.0
"""A connection may have begun so long before a change, and have logged in after it."""
TAKEOVER_EVERY_S = 300.0
"""A new key may end a healthy tunnel of the old one so often: a client that fails to hold shall not
cut the one that works.
"""


class Handover:
    """What is known of devices that are to follow to a new key or port."""

    def __init__(self, layout: Layout, ledger: Ledger, watcher: Watcher) -> None:
        self.layout = layout
        self.ledger = ledger
        self.watcher = watcher
        self.first_beats: dict[ProcessId, float] = {}
        self.taken_over: dict[NodeName, float] = {}
        self.turn = asyncio.Lock()

    async def note_key(self, node: Node, key: str, session: ProcessId) -> None:
        """Remember which of its two keys the connection logged in with, by what its line says.

        One from before there were two may say that its key is new, and mean another that was
        withdrawn since.
        """
        if node.next_key is None or (key == NEW and began_before(session, node.next_key_at)):
            return
        opened_by = node.next_key if key == NEW else node.public_key
        await asyncio.to_thread(beats.note_key, self.layout.spool, session, fingerprint(opened_by))

    async def is_of_old_key(self, node: Node, session: ProcessId) -> bool:
        """Whether this connection surely logged in with the key that is to go, or with the shared
        one.
        """
        if node.next_key is None:
            return False
        noted = await asyncio.to_thread(beats.noted_key, self.layout.spool, session)
        if noted:
            return noted != fingerprint(node.next_key)
        held_by = self.ledger.registrations.get(session)
        # which is a whole number, rounded down
        is_older = held_by is not None and held_by.registered_at < node.next_key_at + 1
        return is_older or began_before(session, node.next_key_at)

    async def is_of_lost_key(self, node: Node, session: ProcessId) -> bool:
        """Whether it logged in with a key that the node has no more."""
        noted = await asyncio.to_thread(beats.noted_key, self.layout.spool, session)
        return bool(noted) and noted not in {fingerprint(key) for key in node.public_keys}

    def may_take_over(self, node: Node, now: float) -> bool:
        """Whether a claim with the new key may end a healthy tunnel of the old one at `now`
        (monotonic); it is noted.
        """
        last = self.taken_over.get(node.name)
        if last is not None and now - last < TAKEOVER_EVERY_S:
            return False
        self.taken_over[node.name] = now
        return True

    async def followed(self, node: Node, tunnel: Tunnel) -> Node:
        """The node after a probe: without its old key or port, if the probed tunnel shows that its
        device needs it no more.
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
        return node

    async def is_steady(self, session: ProcessId) -> bool:
        """Whether the connection has beaten, and then went on."""
        last = await asyncio.to_thread(beats.beaten_at, self.layout.spool, session)
        if last is not None:
            self.first_beats.setdefault(session, last)
        carried = max(
            (at for other, at in self.watcher.signs.answered.values() if other == session),
            default=None,
        )
        return has_followed(self.first_beats.get(session), last, carried)

    async def holds_all(self, node: Node, session: ProcessId) -> bool:
        """Whether every port of the node on which a tunnel listens is this connection's."""
        found = [
            held
            for forward in node.forwards
            for held in await self.watcher.holdings.all_held(forward, newer_than=time.monotonic())
        ]
        ours = [held.session for held in found if held.owner is Owner.OURS]
        return bool(ours) and all(holder == session for holder in ours)

    async def has_moved(
        self, forward: Forward, session: ProcessId, tunnel: Tunnel, *, steady: bool
    ) -> bool:
        """Whether the device listens on the new port for good: it beats there, or, if it never
        beats, a probe came through.
        """
        before, after = await self.watcher.holdings.all_held(forward, newer_than=time.monotonic())
        if after.session != session or before.owner is Owner.OURS:
            return False
        return steady if session in self.ledger.registrations else tunnel.status in LIVES

    async def end_old_key(self, node: Node) -> Node:
        """From now on the new key is the only one."""
        try:
            after = await asyncio.to_thread(self.write_key, node)
        except CheckerError as error:
            self.ledger.complain(
                f"node {node.name} used its new key, and the old one could not be taken away:"
                f" {error}"
            )
            return node
        self.first_beats.clear()
        self.watcher.clones.forget(node.name)
        text = "the new key was used, and is the only one now"
        self.ledger.tell(EventKind.REGISTRY, text, node=node.name, actor=f"node {node.name}")
        return after

    async def end_old_port(self, node: Node, forward: Forward, port: Port) -> Node:
        """From now on the new port is the forward's only one, and its row goes on there."""
        try:
            after = await asyncio.to_thread(self.write_port, node, port)
        except CheckerError as error:
            self.ledger.complain(
                f"node {node.name} listens on port {port}, and {forward.port} could not be taken"
                f" away: {error}"
            )
            return node
        self.ledger.put(replace(self.ledger.tunnel(forward), port=port, detail=""))
        text = f"its device listens on port {port}, which took the place of {forward.port}"
        self.ledger.tell(
            EventKind.REGISTRY, text, node=node.name, port=port, actor=f"node {node.name}"
        )
        return after

    def write_key(self, node: Node) -> Node:
        """Where the registry is root's, root does it, a moment later."""
        return self.write(node, with_new_key_alone(node), None)

    def write_port(self, node: Node, port: Port) -> Node:
        """As write_key."""
        return self.write(node, with_moved_alone(node, port), port)

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


def began_before(session: ProcessId, at: int) -> bool:
    """Whether a connection logged in before that moment (Unix seconds); not one of the future, as a
    clock that was set back has.
    """
    now = time.time()
    return (
        started_at(session, now, time.clock_gettime(time.CLOCK_BOOTTIME)) < at - LOGIN_TAKES_S
        and at <= now
    )
