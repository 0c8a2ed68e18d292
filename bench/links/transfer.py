"""Transfer files through a tunnel, with both ends in this process to time each byte."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
from dataclasses import dataclass, field

from bench.banner import BANNER
from bench.links.network import Space

SERVICE_PORT = 2022
FILE = os.urandom(1 << 18)
"""Sent again and again: longer than the window of a client that compresses."""
CHUNK = 1 << 14
READ = 1 << 16
NUMBERS = itertools.count(1)
RUNNING: dict[int, Transfer] = {}
"""The transfers, by the number that the gateway's end sends in its order."""


@dataclass(slots=True, kw_only=True, eq=False)
class Transfer:
    """One file; up is from the device to the gateway. Times are monotonic."""

    size: int
    up: bool
    number: int = field(default_factory=lambda: next(NUMBERS))
    received: int = 0
    began_s: float = 0.0
    last_s: float = 0.0
    """When the last byte arrived so far."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_whole(self) -> bool:
        return self.received >= self.size

    async def receive(self, reader: asyncio.StreamReader) -> None:
        """Read until the file is complete or the connection ends."""
        try:
            while not self.is_whole and (part := await reader.read(READ)):
                self.received += len(part)
                self.last_s = time.monotonic()
        except OSError:
            pass
        finally:
            self.over.set()

    async def send(self, writer: asyncio.StreamWriter) -> None:
        """Write the whole file, or as much as the connection accepts."""
        with contextlib.suppress(OSError):
            for begin in range(0, self.size, CHUNK):
                place = begin % len(FILE)
                writer.write(FILE[place : place + CHUNK])
                await writer.drain()

    async def carry(self, port: int) -> None:
        """Connect at the gateway's end, and carry the file.

        Raises OSError, TimeoutError, IncompleteReadError.
        """
        self.began_s = self.last_s = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=READ)
        RUNNING[self.number] = self
        try:
            await reader.readexactly(len(BANNER))
            self.began_s = self.last_s = time.monotonic()
            writer.write((b"s" if self.up else b"r") + self.number.to_bytes(8, "big"))
            if self.up:
                await self.receive(reader)
            else:
                await self.carry_down(reader, writer)
        finally:
            del RUNNING[self.number]
            self.over.set()
            writer.transport.abort()

    async def carry_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send until the other end has the whole file, or this connection ends."""

        async def hear_end() -> None:
            with contextlib.suppress(OSError):
                await reader.read()
            self.over.set()

        tasks = [asyncio.create_task(self.send(writer)), asyncio.create_task(hear_end())]
        try:
            await self.over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the device's end: send the banner, then carry out the order."""
    try:
        writer.write(BANNER)
        order = await reader.readexactly(9)
        transfer = RUNNING.get(int.from_bytes(order[1:], "big"))
        if transfer is None:
            return
        if order[:1] == b"s":
            await transfer.send(writer)
            await transfer.over.wait()
        else:
            await transfer.receive(reader)
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.transport.abort()


async def service(device: Space) -> asyncio.Server:
    """Start the device's service on its loopback."""
    return await asyncio.start_server(serve, sock=device.listen(SERVICE_PORT), limit=READ)


async def answers(port: int, within_s: float) -> bool:
    """Return whether the tunnel carries the banner within that time."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await reader.readexactly(len(BANNER)) == BANNER
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
