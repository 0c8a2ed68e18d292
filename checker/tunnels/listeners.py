"""The listeners of this machine, as last read; those who ask at one time share a reading."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from checker.linux.sockets import read_listeners, read_listeners_on
from checker.model import Listener, Port
from checker.tunnels.port_owner import Owner, owner_of

NOW_S = 0.25
"""Who asks for a reading younger than this shares it with nobody: only the one port is read."""
DOUBTED_S = 600.0


class Listeners:
    """All TCP listeners, by port and by inode. Times are monotonic."""

    def __init__(self) -> None:
        self.by_port: dict[Port, tuple[Listener, ...]] = {}
        self.ports: dict[int, Port] = {}
        """By inode."""
        self.read_at = float("-inf")
        self.ports_read_at: dict[Port, float] = {}
        """Ports that were read since, each by itself."""
        self.reading = asyncio.Lock()
        self.doubted_at = float("-inf")
        """When it did not show a listener that answered: the kernel may hide some from us."""
        self.on_new: Callable[[frozenset[Port]], None] = lambda _: None
        """Called with the ports that have a listener since the last reading of all."""

    async def on(self, port: Port, *, newer_than: float) -> tuple[Listener, ...]:
        """Return the port's listeners, read after `newer_than`."""
        if self.port_read_at(port) < newer_than:
            async with self.reading:
                if self.port_read_at(port) < newer_than:
                    await self.read_for(port, newer_than)
        return self.by_port.get(port, ())

    def port_read_at(self, port: Port) -> float:
        """Return when the port's listeners were read."""
        return max(self.read_at, self.ports_read_at.get(port, self.read_at))

    async def read_for(self, port: Port, newer_than: float) -> None:
        """Read one port, or all for others that ask. The caller holds `reading`."""
        if time.monotonic() - newer_than < NOW_S:
            await self.read(port)
        else:
            await self.read_all()

    async def all(self, *, newer_than: float) -> None:
        """Have all ports read after `newer_than`."""
        async with self.reading:
            if self.read_at < newer_than:
                await self.read_all()

    async def all_on(self, ports: Iterable[Port], *, newer_than: float) -> tuple[Listener, ...]:
        """Return the listeners of several ports, read after `newer_than`."""
        found = [await self.on(port, newer_than=newer_than) for port in ports]
        return tuple(listener for those in found for listener in those)

    async def read(self, port: Port) -> None:
        """Read one port: the kernel leaves out all others. The caller holds `reading`."""
        began = time.monotonic()
        found = await asyncio.to_thread(read_listeners_on, port)
        for listener in self.by_port.pop(port, ()):
            self.ports.pop(listener.inode, None)
        if found:
            self.by_port[port] = found
            self.ports.update((listener.inode, port) for listener in found)
        self.ports_read_at[port] = began

    async def read_all(self) -> None:
        """Read all. The caller holds `reading`."""
        began, before = time.monotonic(), self.by_port
        self.by_port = await asyncio.to_thread(read_listeners)
        self.ports = {one.inode: port for port, found in self.by_port.items() for one in found}
        self.read_at = began
        self.ports_read_at = {}
        if new := self.by_port.keys() - before.keys():
            self.on_new(frozenset(new))

    def doubt(self) -> None:
        """Do not believe the list for a while where it shows nobody: it lacks a listener."""
        self.doubted_at = time.monotonic()

    def is_vacant(self, port: Port, uid: int, *, newer_than: float) -> bool:
        """Whether nobody listens on the port, by a reading after `newer_than`; False if that is not
        sure.
        """
        return (
            bool(self.by_port)
            and time.monotonic() - self.doubted_at > DOUBTED_S
            and self.port_read_at(port) >= newer_than
            and owner_of(self.by_port.get(port, ()), uid) is Owner.NOBODY
        )

    def ports_of(self, inodes: Iterable[int]) -> frozenset[Port]:
        """Return on which ports these sockets listen, by the last reading."""
        return frozenset(self.ports[inode] for inode in inodes if inode in self.ports)
