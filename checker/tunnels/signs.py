"""Signs that a connection lives: its beats, answers through its other forwards, traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from checker.linux.sockets import flows
from checker.model import Answer, Closed, Flow, Forward, Port, ProbeReply, ProcessId
from checker.state import beats
from checker.tunnels.flow import heard, strayed
from checker.tunnels.holders import Held
from checker.tunnels.rhythms import Rhythms

Reading = tuple[Mapping[str, Flow], float]
"""What moved on each connection, by its other side, and when that was read (monotonic)."""
CLOCK_ROUNDS_S = 1.0
AHEAD_S = 1.0
"""Read the beats that will look overdue in a second, too: they have come by now, as a beat is
expected two seconds before it is overdue, and is looked at one second before that.
"""
READ_EVERY_S = 0.2
"""Shortest time between readings, however many tunnels fall silent at once: one of 2,000
connections takes 10 ms.
"""


class Signs:
    """Signs of life of all connections, as last read."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.beats: dict[ProcessId, float] = {}
        self.rhythms = Rhythms()
        self.asking: set[ProcessId] = set()
        """Connections whose beat is being answered: it came before the probe, and no other can come
        until then.
        """
        self.answered: dict[Port, tuple[ProcessId, float]] = {}
        self.flows: Mapping[str, Flow] = {}
        """By the connection's other side, ADDRESS:PORT; empty if the kernel does not say."""
        self.flows_read_at = float("-inf")
        self.strayed_at: dict[str, float] = {}
        """Latest moment (monotonic) at which data came out of order on a connection."""
        self.reading = asyncio.Lock()

    async def read_beats(self) -> None:
        """Read when each connection last beat: all at once, which costs less than one by one."""
        self.beats = await asyncio.to_thread(beats.all_beats, self.spool)
        self.rhythms.take_all(self.beats)

    async def doubted(self) -> frozenset[ProcessId]:
        """Return the connections that fell into doubt since the last call: their beat is overdue,
        or they ended. Those that look overdue, or soon will, are read again first, all at once.
        """
        now = time.time()
        if self.rhythms.late(now):
            soon = self.rhythms.late(now + AHEAD_S)
            self.rhythms.take(await asyncio.to_thread(beats.beats_of, self.spool, soon))
        return self.rhythms.doubt(time.time())

    async def read_flows(self) -> None:
        """Read what moved on each connection."""
        await self.fresh_flows(newer_than=time.monotonic())

    async def fresh_flows(self, *, newer_than: float) -> Mapping[str, Flow]:
        """Return what moved on each connection, read after `newer_than` (monotonic)."""
        return (await self.fresh_reading(newer_than=newer_than))[0]

    async def fresh_reading(self, *, newer_than: float) -> Reading:
        """Return the same, and when it was read; concurrent calls share one reading."""
        async with self.reading:
            if self.flows_read_at < newer_than:
                await asyncio.sleep(max(0.0, self.flows_read_at + READ_EVERY_S - time.monotonic()))
                began = time.monotonic()
                try:
                    self.take_flows(await asyncio.to_thread(flows), began)
                except OSError:
                    self.flows = {}  # a sandbox may refuse netlink
                self.flows_read_at = began
            return self.flows, self.flows_read_at

    def take_flows(self, found: Mapping[str, Flow], now: float) -> None:
        """Keep a reading, and note on which connections something came out of order."""
        self.strayed_at = {peer: at for peer, at in self.strayed_at.items() if peer in found}
        self.strayed_at.update(dict.fromkeys(strayed(self.flows, found), now))
        self.flows = heard(found, self.strayed_at, now) if self.strayed_at else found

    async def beaten_at(self, session: ProcessId) -> float | None:
        """Read when the connection last beat (Unix seconds); None if it never did."""
        return await asyncio.to_thread(beats.beaten_at, self.spool, session)

    def remember_answer(
        self, forward: Forward, reply: ProbeReply, held: Held, began_wall: float
    ) -> None:
        """Note that something came through this connection; a refusal comes from the node too, if
        the listener is still there.
        """
        if held.session is not None and isinstance(reply, Answer | Closed):
            self.answered[forward.port] = (held.session, began_wall)

    def of_life(
        self, forward: Forward, session: ProcessId | None, beaten_at: float | None, since: float
    ) -> str:
        """Return a sign that this very connection was alive after `since` (Unix seconds), as a
        clause; empty if there is none.
        """
        # a beat of the future is from before the clock was set back
        if session in self.asking or (
            beaten_at is not None and since < beaten_at <= time.time() + CLOCK_ROUNDS_S
        ):
            return "its beats arrive"
        for port, (other, at) in self.answered.items():
            if port != forward.port and other == session and at > since:
                return f"port {port} of the same connection answers"
        return ""
