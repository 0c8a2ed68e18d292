"""The rhythm of every connection that beats, and which of them are in doubt."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from math import inf

from checker.model import ProcessId
from checker.tunnels.rhythm import NO_BEATS, Beating, Rhythm, after_beat

EARLY_S = 1.0
"""Probe this long before a late beat is overdue: then there is an answer, or none, by then."""


class Rhythms:
    """The rhythm of each connection, from the times of its beats. Times are Unix seconds."""

    def __init__(self) -> None:
        self.known: dict[ProcessId, Rhythm] = {}
        self.doubt_at: dict[ProcessId, float] = {}
        """When to probe what each connection carries; those that are in doubt already are
        missing.
        """
        self.queue: list[tuple[float, ProcessId]] = []
        """The same, the soonest first; what is no longer in `doubt_at` is skipped."""
        self.ended: set[ProcessId] = set()
        """Connections whose beats ended in order, and that have not been reported yet."""

    def take_all(self, beats: Mapping[ProcessId, float]) -> None:
        """Note the last beat of each connection there is; the others have ended."""
        self.ended |= self.known.keys() - beats.keys()
        for session in self.known.keys() - beats.keys():
            del self.known[session]
            self.doubt_at.pop(session, None)
        self.take(beats)

    def take(self, beats: Mapping[ProcessId, float]) -> None:
        """Note the last beat of these connections. A new beat ends all doubt."""
        for session, at in beats.items():
            before = self.known.get(session)
            after = after_beat(before, at)
            if after is not before:
                self.known[session] = after
                self.doubt_at[session] = after.overdue_at - EARLY_S
                if after.overdue_at < inf:
                    heapq.heappush(self.queue, (self.doubt_at[session], session))

    def forget(self) -> None:
        """Forget all rhythms: the clock was set, and what it said before is worth nothing."""
        self.known.clear()
        self.doubt_at.clear()
        self.queue.clear()

    def late(self, now: float) -> tuple[ProcessId, ...]:
        """Return the connections whose beat is overdue, or nearly; each once for each doubt."""
        found: dict[ProcessId, float] = {}
        while self.queue and self.queue[0][0] <= now:
            at, session = heapq.heappop(self.queue)
            if self.doubt_at.get(session) == at:
                found[session] = at
        for session, at in found.items():
            heapq.heappush(self.queue, (at, session))
        return tuple(found)

    def doubt(self, now: float) -> frozenset[ProcessId]:
        """Take out the connections that have to be probed: late, or ended."""
        found = frozenset(self.late(now))
        for session in found:
            del self.doubt_at[session]
        ended, self.ended = frozenset(self.ended), set()
        return found | ended

    def is_beating(self, session: ProcessId | None, now: float) -> bool:
        """Whether the connection has a rhythm, and keeps it; False as soon as it is in doubt."""
        rhythm = None if session is None else self.known.get(session)
        return rhythm is not None and rhythm.is_beating(now + EARLY_S)

    def beating(self, session: ProcessId | None, now: float) -> Beating:
        """Return how the connection beats now."""
        rhythm = None if session is None else self.known.get(session)
        if rhythm is None:
            return NO_BEATS
        return Beating(overdue_s=now - rhythm.overdue_at, steady=rhythm.steady)
