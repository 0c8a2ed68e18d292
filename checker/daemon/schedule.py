"""When each forward is probed: a place of its own in the interval, kept over the daemon's lives.
Pure.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable

from checker.model import Forward, NodeName, Port
from checker.registry.nodes import Registry


class Schedule:
    """When each forward is probed next: each at a place of its own in the interval."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.due: list[tuple[float, Port]] = []
        self.forwards: dict[Port, Forward] = {}
        self.at: dict[Port, float] = {}
        self.running: set[Port] = set()

    def use(self, registry: Registry, now: float, unregistered: Iterable[Forward] = ()) -> None:
        """Follow the registry, and what is watched besides; what is new comes within the next
        interval, or sooner where there is little.
        """
        wanted = {forward.port: forward for forward in (*unregistered, *registry.forwards)}
        for port in [port for port in self.at if port not in wanted]:
            del self.at[port]
        spread_s = min(self.every_s, 0.05 * len(wanted))
        for port, forward in wanted.items():
            if port not in self.at:
                self.put(port, now + spread_s * phase(forward))
        self.forwards = wanted

    def put(self, port: Port, at: float) -> None:
        """Probe this port then, and not at the time it had."""
        self.at[port] = at
        heapq.heappush(self.due, (at, port))

    def soon(self, node: NodeName, at: float) -> None:
        """Probe the node's forwards by then."""
        for port, forward in self.forwards.items():
            if forward.node == node and self.at.get(port, at) >= at:
                self.put(port, at)

    def ripe(self, now: float) -> list[Forward]:
        """Forwards that are due, and not under way."""
        found = []
        while self.due and self.due[0][0] <= now:
            at, port = heapq.heappop(self.due)
            if self.at.get(port) == at and port not in self.running:
                self.running.add(port)
                found.append(self.forwards[port])
        return found

    def done(self, forward: Forward, now: float, after_s: float) -> None:
        """Probed: the next time keeps the forward's place in the interval, unless it was asked for
        meanwhile.
        """
        self.running.discard(forward.port)
        at = self.at.get(forward.port)
        if at is None:
            return
        following = at + after_s
        self.put(
            forward.port,
            at if at > now else following if following > now else now + after_s * phase(forward),
        )

    def overdue_s(self, now: float) -> float:
        """How long the forward that waits longest has been due."""
        waiting = [at for port, at in self.at.items() if port not in self.running]
        return max(0.0, now - min(waiting, default=now))


def phase(forward: Forward) -> float:
    """A forward's place in the interval, 0 to 1, the same in every life of the daemon."""
    return zlib.crc32(f"{forward.node} {forward.port}".encode()) / 2**32
