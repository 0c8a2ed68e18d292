"""When each forward is probed: at its own place in the interval, the same after a restart. Pure."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Iterator

from checker.model import Forward, NodeName, Port
from checker.registry.differences import differing
from checker.registry.nodes import Registry


class Schedule:
    """When each forward is probed next."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self.due: list[tuple[float, Port]] = []
        self.forwards: dict[Port, Forward] = {}
        self.registry = Registry()
        self.unregistered: tuple[Forward, ...] = ()
        self.at: dict[Port, float] = {}
        self.running: set[Port] = set()
        self.off_place: set[Port] = set()
        """Ports that were probed out of turn, perhaps all at once: they find a place of their own
        again.
        """
        self.resting: dict[Port, float] = {}
        """Ports on which nobody listened when they were judged last, and the seconds from one
        judgement to the next.
        """

    def use(self, registry: Registry, now: float, unregistered: Iterable[Forward] = ()) -> None:
        """Probe the forwards of the registry and these unregistered ones from now on.

        New ones are probed within an interval, and so are resting ones that changed; if there are
        few forwards, sooner. Only what changed costs time.
        """
        gone, came = self.changed(registry, tuple(unregistered))
        self.registry, self.unregistered = registry, tuple(unregistered)
        for port in gone:
            del self.forwards[port]
            self.at.pop(port, None)
            self.resting.pop(port, None)
        due = [one for one in came.values() if one.port not in self.at or self.woken_by(one)]
        self.forwards |= came
        spread_s = min(self.every_s, 0.05 * len(self.forwards))
        for forward in due:
            self.put(forward.port, now + spread_s * phase(forward))

    def woken_by(self, forward: Forward) -> bool:
        """Whether the forward rests, and this is another version of it."""
        return forward.port in self.resting and self.forwards[forward.port] is not forward

    def changed(
        self, registry: Registry, unregistered: tuple[Forward, ...]
    ) -> tuple[set[Port], dict[Port, Forward]]:
        """Return the ports that go, and the forwards that may be new; if two may ask for one port:
        all forwards.
        """
        if any((unregistered, self.unregistered, registry.broken, self.registry.broken)):
            wanted = {forward.port: forward for forward in (*unregistered, *registry.forwards)}
            return self.forwards.keys() - wanted.keys(), wanted
        names = differing(self.registry, registry)
        came = {forward.port: forward for forward in forwards_of(registry, names)}
        gone = {forward.port for forward in forwards_of(self.registry, names)}
        return gone - came.keys(), came

    def put(self, port: Port, at: float) -> None:
        """Probe this port at that time instead of the one that it had."""
        self.at[port] = at
        heapq.heappush(self.due, (at, port))

    def soon(self, node: NodeName, at: float) -> None:
        """Probe the node's forwards at that time at the latest."""
        for port in self.ports_of(node):
            if self.at.get(port, at) >= at:
                self.put(port, at)

    def ports_of(self, name: NodeName) -> list[Port]:
        node = self.registry.nodes.get(name)
        own = [] if node is None else [forward.port for forward in node.forwards]
        others = [forward.port for forward in self.unregistered if forward.node == name]
        return [*own, *(port for port in others if self.forwards[port].node == name)]

    def at_once(self, ports: Iterable[Port], now: float) -> None:
        """Probe these ports now."""
        for port in ports:
            if self.at.get(port, now) > now:
                self.put(port, now)
                self.off_place.add(port)

    def ripe(self, now: float) -> list[Forward]:
        """Take out the forwards that are due and are not being probed."""
        found = []
        while self.due and self.due[0][0] <= now:
            at, port = heapq.heappop(self.due)
            if self.stands(at, port):
                self.running.add(port)
                found.append(self.forwards[port])
        return found

    def next_at(self, now: float) -> float:
        """When the next forward is due; an interval from now if there is none."""
        return self.due[0][0] if self.due else now + self.every_s

    def done(self, forward: Forward, now: float, after_s: float) -> None:
        """Note that it was probed, and probe it again after `after_s`, at its own place.

        A time that was asked for meanwhile stands.
        """
        self.running.discard(forward.port)
        self.resting.pop(forward.port, None)
        at = self.at.get(forward.port)
        if at is None:
            return
        following = at + after_s
        if forward.port in self.off_place:
            self.off_place.discard(forward.port)
            following -= after_s / 2 * phase(forward)
        self.put(
            forward.port,
            at if at > now else following if following > now else now + after_s * phase(forward),
        )

    def rest(self, forward: Forward, now: float, after_s: float) -> None:
        """Note that nobody listens on its port, and judge it again after `after_s`. If it rests for
        longer or shorter than before, it finds a place of its own in that time.
        """
        is_known = self.resting.get(forward.port) == after_s
        place_s = self.every_s + (after_s - self.every_s) * phase(forward)
        self.done(forward, now, after_s if is_known else place_s)
        if forward.port in self.at:
            self.resting[forward.port] = after_s

    def overdue_s(self, now: float) -> float:
        """Seconds that the most overdue forward has waited; 0 if none is due."""
        while self.due and not self.stands(*self.due[0]):
            heapq.heappop(self.due)
        return max(0.0, now - self.due[0][0]) if self.due else 0.0

    def stands(self, at: float, port: Port) -> bool:
        """Whether the port is due then, and is not being probed: `done` gives it another time."""
        return self.at.get(port) == at and port not in self.running


def forwards_of(registry: Registry, names: Iterable[NodeName]) -> Iterator[Forward]:
    """Yield the forwards of these nodes, as far as they are there."""
    for name in names:
        node = registry.nodes.get(name)
        yield from () if node is None else node.forwards


def phase(forward: Forward) -> float:
    """A forward's place in the interval, 0 to 1; the same after a restart."""
    return zlib.crc32(f"{forward.node} {forward.port}".encode()) / 2**32
