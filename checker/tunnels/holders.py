"""Find the session that holds a port, and remember it for as long as the listener exists."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path

from checker.linux.processes import may_look, sockets_of
from checker.linux.sockets import connected, read_listeners
from checker.model import IPV6_LOOPBACK, Forward, Listener, NodeName, Port, ProcessId, Registration
from checker.sshd.sessions import elsewhere, other_holder, scan
from checker.state.ledger import Ledger
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
    """Ports and the sessions that hold them, remembered by inode, so that an unchanged port costs
    no scan.
    """

    def __init__(self, uid: int, run: Path, ledger: Ledger) -> None:
        self.uid, self.run = uid, run
        self.ledger = ledger
        self.others: dict[ProcessId, str] = {}
        """Home directory of the other gateway that a session belongs to; empty for a session of
        ours.
        """
        self.by_port: dict[Port, tuple[Listener, ...]] = {}
        self.read_at = float("-inf")
        self.owners: dict[int, ProcessId] = {}
        self.reading = asyncio.Lock()
        self.scanning = asyncio.Lock()
        self.may_look = may_look()

    async def listeners(self, port: Port, *, newer_than: float) -> tuple[Listener, ...]:
        """Return the port's listeners, read after `newer_than` (monotonic)."""
        async with self.reading:
            if self.read_at < newer_than:
                began = time.monotonic()
                self.by_port = await asyncio.to_thread(read_listeners)
                self.read_at = began
                self.forget_closed()
        return self.by_port.get(port, ())

    def loopback(self, port: Port) -> str:
        """Return the loopback address of the port's listener, by the last reading."""
        return loopback_of(self.by_port.get(port, ()))

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
        on = (
            port
            for port in forward.ports
            if any(one.inode in inodes for one in self.by_port.get(port, ()))
        )
        return next(on, forward.port)

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
        session = self.remembered(inodes)
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
            held = await asyncio.to_thread(sockets_of, registration.session.pid)
            if held and held & inodes:
                return self.remember(inodes, registration.session), ""
        session = await self.scanned(inodes) if self.may_look else None
        if session is None:
            other = await asyncio.to_thread(other_holder, inodes, self.uid)
            if other:
                return None, other
        return session or self.registered_owner(registered, inodes), ""

    def peer_of(self, session: ProcessId) -> str:
        """Return where the session's SSH connection comes from, ADDRESS:PORT; empty if not known.

        It is the session's only connection that came to none of its own listeners.
        """
        inodes = sockets_of(session.pid)
        if not inodes:
            return ""
        own = {
            port
            for port, found in self.by_port.items()
            if any(listener.inode in inodes for listener in found)
        }
        try:
            ends = connected()
        except OSError:
            return ""  # a sandbox may refuse netlink
        peers = [
            peer for inode, (port, peer) in ends.items() if inode in inodes and port not in own
        ]
        return peers[0] if len(peers) == 1 else ""

    async def scanned(self, inodes: frozenset[int]) -> ProcessId | None:
        """Find the owner by a scan of all sessions' sockets; all who wait share one scan."""
        async with self.scanning:
            known = self.remembered(inodes)
            if known is None:
                self.owners = await asyncio.to_thread(scan, self.uid)
                known = self.remembered(inodes)
        return known

    def forget_closed(self) -> None:
        """Forget the owners of closed sockets, and sessions that own no socket."""
        if len(self.owners) > 2 * len(self.by_port) + 1024:
            open_now = {listener.inode for found in self.by_port.values() for listener in found}
            self.owners = {
                inode: owner for inode, owner in self.owners.items() if inode in open_now
            }
            owners = set(self.owners.values())
            self.others = {
                session: home for session, home in self.others.items() if session in owners
            }

    def remembered(self, inodes: frozenset[int]) -> ProcessId | None:
        return next((self.owners[inode] for inode in inodes if inode in self.owners), None)

    def remember(self, inodes: frozenset[int], session: ProcessId) -> ProcessId:
        self.owners.update(dict.fromkeys(inodes, session))
        return session

    def registered_owner(
        self, registered: list[Registration], inodes: frozenset[int]
    ) -> ProcessId | None:
        """Return the connection that registered when these sockets were new; for a process that may
        not look at sessions.
        """
        for registration in registered:
            if registration.inodes & inodes:
                return self.remember(inodes, registration.session)
        if not registered:
            return None
        newest = registered[-1]
        self.ledger.register(replace(newest, inodes=newest.inodes | inodes))
        return self.remember(inodes, newest.session)
