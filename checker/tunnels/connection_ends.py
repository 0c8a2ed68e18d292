"""The other sides of all TCP connections, as last read, to find where a session comes from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping

from checker.linux.sockets import connected
from checker.model import Port

READ_EVERY_S = 0.25
"""Shortest time between readings, however many connections are new: one of 2,000 connections takes
10 ms.
"""


class ConnectionEnds:
    """Our port and the peer of each connection, by inode. Times are monotonic."""

    def __init__(self) -> None:
        self.ends: Mapping[int, tuple[Port, str]] = {}
        self.read_at = float("-inf")
        self.readings = 0
        self.reading = asyncio.Lock()

    async def peer(self, inodes: Collection[int], own: Collection[Port]) -> str:
        """Return the peer of the only one of these connections that came to another port than these
        `own`; empty if there are several, or none.

        Read the connections again only if none is known; concurrent calls share a reading.
        """
        asked_at = time.monotonic()
        async with self.reading:
            found = self.peers(inodes, own)
            if not found and self.read_at < asked_at:
                await asyncio.sleep(max(0.0, self.read_at + READ_EVERY_S - time.monotonic()))
                await self.read()
                found = self.peers(inodes, own)
        return found[0] if len(found) == 1 else ""

    def peers(self, inodes: Collection[int], own: Collection[Port]) -> list[str]:
        ends = [self.ends[inode] for inode in inodes if inode in self.ends]
        return [peer for port, peer in ends if port not in own]

    async def read(self) -> None:
        """Read all. The caller holds `reading`."""
        began = time.monotonic()
        try:
            self.ends = await asyncio.to_thread(connected)
        except OSError:
            self.ends = {}  # a sandbox may refuse netlink
        self.read_at = began
        self.readings += 1
