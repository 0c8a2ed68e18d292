"""Which process owns which listener, and the search of all processes for those not known yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection

from checker.linux.processes import sockets_held_by
from checker.model import ProcessId
from checker.sshd.sessions import Stranger, scan, strangers

FEW = 1024


class Owners:
    """Owners by the listener's inode, remembered for as long as it exists. Times are monotonic."""

    def __init__(self, uid: int, *, may_look: bool) -> None:
        self.uid, self.may_look = uid, may_look
        self.by_inode: dict[int, ProcessId] = {}
        self.strangers: dict[int, Stranger] = {}
        self.searches = 0
        """How often all sessions, or all processes, were looked at."""
        self.searched_at = float("-inf")
        self.sought: frozenset[int] = frozenset()
        """What the last search looked for."""
        self.searching = asyncio.Lock()

    def remembered(self, inodes: frozenset[int]) -> ProcessId | None:
        """Return the session that owns these sockets; None if not known."""
        return next((self.by_inode[inode] for inode in inodes if inode in self.by_inode), None)

    def remember(self, inodes: frozenset[int], session: ProcessId) -> ProcessId:
        """Remember that the session owns these."""
        self.by_inode.update(dict.fromkeys(inodes, session))
        return session

    def knows(self, inode: int) -> bool:
        """Whether the owner of the socket is known, whoever it is."""
        return inode in self.by_inode or inode in self.strangers

    async def note(self, session: ProcessId, inodes: frozenset[int]) -> ProcessId | None:
        """Look which of these sockets, as far as their owner is not known, the session has; return
        None if it has none.
        """
        unknown = inodes.difference(self.by_inode)
        if not unknown:
            return None
        own = unknown & await asyncio.to_thread(sockets_held_by, session)
        return self.remember(own, session) if own else None

    async def searched(
        self, inodes: frozenset[int], unknown: Callable[[], frozenset[int]]
    ) -> tuple[ProcessId | None, str]:
        """Search for the session that owns these sockets; return None if there is none, and who
        else owns them, as a clause.

        A search also looks for all other sockets that are `unknown`, so that those who ask during
        one need not search again.
        """
        asked_at = time.monotonic()
        async with self.searching:
            known, stranger = self.remembered(inodes), await self.stranger(inodes)
            if known is None and not stranger and not self.covers(inodes, asked_at):
                await self.search(inodes | unknown())
                known, stranger = self.remembered(inodes), await self.stranger(inodes)
        return known, stranger

    def covers(self, inodes: frozenset[int], asked_at: float) -> bool:
        """Whether the last search began since `asked_at`, and looked for these."""
        return self.searched_at >= asked_at and inodes <= self.sought

    async def search(self, inodes: frozenset[int]) -> None:
        """Look at all sessions, and at all processes if one of these sockets is in none of them."""
        self.searches += 1
        began = time.monotonic()
        if self.may_look:
            self.by_inode.update(await asyncio.to_thread(scan, self.uid))
        left = inodes.difference(self.by_inode)
        if left:
            self.strangers.update(await asyncio.to_thread(strangers, left, self.uid))
        self.sought, self.searched_at = inodes, began

    async def stranger(self, inodes: frozenset[int]) -> str:
        """Return which other process owns these sockets, as a clause, if that is known and still
        true; empty if not.
        """
        known = next((self.strangers[inode] for inode in inodes if inode in self.strangers), None)
        if known is None:
            return ""
        if inodes & await asyncio.to_thread(sockets_held_by, known.process):
            return known.clause
        for inode in inodes:
            self.strangers.pop(inode, None)
        return ""

    def forget_closed(self, open_now: Collection[int]) -> bool:
        """Forget the owners of closed sockets, once there are many; return whether it did."""
        if len(self.by_inode) + len(self.strangers) <= 2 * len(open_now) + FEW:
            return False
        self.by_inode = {inode: one for inode, one in self.by_inode.items() if inode in open_now}
        self.strangers = {inode: one for inode, one in self.strangers.items() if inode in open_now}
        return True
