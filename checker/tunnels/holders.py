"""Find the session that holds a port, and remember it for as long as the listener exists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker.linux.processes import may_look, sockets_held_by
from checker.model import IPV6_LOOPBACK, Forward, Listener, NodeName, Port, ProcessId, Registration
from checker.sshd.sessions import elsewhere
from checker.state.ledger import Ledger
from checker.tunnels.connection_ends import ConnectionEnds
from checker.tunnels.listeners import Listeners
from checker.tunnels.owners import Owners
from checker.tunnels.port_owner import Owner, loopback_of, owner_of, reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds a port now."""

    owner: Owner
    session: ProcessId | None = None
    stranger: str = ""
    """If no session of the tunnel user holds it: who does, as a clause."""
    leaves_ipv4: bool = False
    """Whether the stranger listens on ::1 only, so that sshd can still bind the port on
    127.0.0.1.
    """
    inodes: frozenset[int] = frozenset()
    port: Port | None = None
    """Which of the forward's ports was looked at."""


class Holders:
    """Ports and the sessions that hold them, remembered by inode, so that neither an unchanged port
    nor a new connection costs a search.
    """

    def __init__(self, uid: int, run: Path, ledger: Ledger) -> None:
        self.uid, self.run = uid, run
        self.ledger = ledger
        self.others: dict[ProcessId, str] = {}
        """Home directory of the other gateway that a session belongs to; empty for a session of
        ours.
        """
        self.table = Listeners()
        self.may_look = may_look()
        self.owners = Owners(uid, may_look=self.may_look)
        self.ends = ConnectionEnds()

    async def listeners(self, port: Port, *, newer_than: float) -> tuple[Listener, ...]:
        """Return the port's listeners, read after `newer_than` (monotonic)."""
        found = await self.table.on(port, newer_than=newer_than)
        if self.owners.forget_closed(self.table.ports):
            kept = frozenset(self.owners.by_inode.values())
            self.others = {one: home for one, home in self.others.items() if one in kept}
        return found

    async def note_own(
        self, session: ProcessId, ports: Sequence[Port], *, newer_than: float
    ) -> None:
        """Remember which listeners on these ports, read after `newer_than` (monotonic), the
        connection itself holds, by a look at its own sockets.
        """
        if not self.may_look:
            return
        found = await self.table.all_on(ports, newer_than=newer_than)
        await self.owners.note(session, frozenset(listener.inode for listener in found))

    def loopback(self, port: Port) -> str:
        """Return the loopback address of the port's listener, by the last reading."""
        return loopback_of(self.table.by_port.get(port, ()))

    async def held(self, forward: Forward, *, newer_than: float) -> Held:
        """Return who holds the forward's port; if it moves and a tunnel listens on the next port,
        who holds that.
        """
        port = await self.place(forward, newer_than=newer_than)
        return replace(await self.held_at(port, forward, newer_than=newer_than), port=port)

    async def all_held(self, forward: Forward, *, newer_than: float) -> tuple[Held, ...]:
        """Return who holds each port of the forward: one, or two while it moves."""
        found = [await self.held_at(port, forward, newer_than=newer_than) for port in forward.ports]
        return tuple(
            replace(held, port=port) for held, port in zip(found, forward.ports, strict=True)
        )

    async def place(self, forward: Forward, *, newer_than: float) -> Port:
        """Return the port on which the forward is now, read after `newer_than` (monotonic)."""
        if forward.next_port is None:
            return forward.port
        found = await self.listeners(forward.next_port, newer_than=newer_than)
        return forward.next_port if owner_of(found, self.uid) is Owner.OURS else forward.port

    def port_of(self, forward: Forward, inodes: frozenset[int]) -> Port:
        """Return which of the forward's ports these listeners are on, by the last reading."""
        on = self.table.ports_of(inodes)
        return next((port for port in forward.ports if port in on), forward.port)

    async def held_at(self, port: Port, forward: Forward, *, newer_than: float) -> Held:
        """Return who holds this port of the forward."""
        found = await self.listeners(port, newer_than=newer_than)
        owner = owner_of(found, self.uid)
        leaves_ipv4 = all(listener.address == IPV6_LOOPBACK for listener in reached(found))
        if owner is Owner.FOREIGN:
            other = next(listener.uid for listener in found if listener.uid != self.uid)
            where = f" on {IPV6_LOOPBACK}" if leaves_ipv4 else ""
            return Held(
                owner=owner, stranger=f"a process of uid {other}{where}", leaves_ipv4=leaves_ipv4
            )
        if owner is Owner.NOBODY:
            return Held(owner=owner)
        inodes = frozenset(listener.inode for listener in reached(found))
        session = self.owners.remembered(inodes)
        if session is None:
            session, other_one = await self.session_of(forward.node, inodes)
            if other_one:
                return Held(owner=Owner.FOREIGN, stranger=other_one, leaves_ipv4=leaves_ipv4)
        if session is not None and (home := await self.other_home(session)):
            return Held(
                owner=Owner.FOREIGN, stranger=f"a tunnel of another gateway on this machine, {home}"
            )
        return Held(owner=owner, session=session, inodes=inodes)

    async def other_home(self, session: ProcessId) -> str:
        """Return the home of the other gateway that the session belongs to; empty for ours."""
        if session not in self.others:
            self.others[session] = await asyncio.to_thread(elsewhere, session, self.run)
        return self.others[session]

    async def session_of(
        self, node: NodeName, inodes: frozenset[int]
    ) -> tuple[ProcessId | None, str]:
        """Return the session that owns these sockets, None if not found; and who else does, as a
        clause.

        A uid proves nothing: the tunnel user may run other programs.
        """
        registered = await self.ledger.of_node(node)
        for registration in reversed(registered if self.may_look else []):
            session = await self.owners.note(registration.session, inodes)
            if session is not None:
                return session, ""
        session, stranger = await self.owners.searched(inodes, self.unknown)
        return (
            None if stranger else session or self.registered_owner(registered, inodes)
        ), stranger

    def unknown(self) -> frozenset[int]:
        """Return the tunnel user's listeners whose holder is not known: one search looks for all of
        them.
        """
        return frozenset(
            listener.inode
            for found in self.table.by_port.values()
            for listener in found
            if listener.uid == self.uid and not self.owners.knows(listener.inode)
        )

    async def peer_of(self, session: ProcessId) -> str:
        """Return where the session's SSH connection comes from, ADDRESS:PORT; empty if not known.

        It is the session's only connection that came to none of its own listeners.
        """
        inodes = await asyncio.to_thread(sockets_held_by, session)
        return await self.ends.peer(inodes, self.table.ports_of(inodes)) if inodes else ""

    def registered_owner(
        self, registered: list[Registration], inodes: frozenset[int]
    ) -> ProcessId | None:
        """Return the connection that registered when these sockets were new; for a process that may
        not look at sessions.
        """
        for registration in registered:
            if registration.inodes & inodes:
                return self.owners.remember(inodes, registration.session)
        if not registered:
            return None
        newest = registered[-1]
        self.ledger.register(replace(newest, inodes=newest.inodes | inodes))
        return self.owners.remember(inodes, newest.session)
