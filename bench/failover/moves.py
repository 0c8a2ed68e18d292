"""Which node is at which gateway, ten times a second, and how long each was at none."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.failover.network import Network
from bench.herd.restart import at_share
from demo.processes import DemoFailed

POLL_S = 0.1
WITHIN_S = 240.0


@dataclass(slots=True, kw_only=True)
class Moves:
    """What happened at both gateways since this was made."""

    network: Network
    ports: Collection[int]
    before: dict[bool, dict[int, int]] = field(default_factory=dict)
    """The inodes at the first look, at the first gateway (False) and at the second."""
    came: dict[bool, dict[int, float]] = field(default_factory=lambda: {False: {}, True: {}})
    """When each port first had a new listener (monotonic)."""
    went: dict[bool, dict[int, float]] = field(default_factory=lambda: {False: {}, True: {}})
    """When each port's first listener was gone."""

    def look(self) -> None:
        for second in (False, True):
            found = self.network.listeners(second=second)
            now = time.monotonic()
            first = self.before.setdefault(second, found)
            for port in self.ports:
                if port in found and found[port] != first.get(port):
                    self.came[second].setdefault(port, now)
                if port in first and found.get(port) != first[port]:
                    self.went[second].setdefault(port, now)

    def all_came(self, *, second: bool, but: Collection[int] = ()) -> bool:
        """Return whether each port has a listener there that came since this was made. What a node
        left behind at a gateway that it could not reach does not count.
        """
        return self.came[second].keys() | set(but) >= set(self.ports)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Look until it is so. Raises DemoFailed."""
        end = time.monotonic() + WITHIN_S
        self.look()
        while not condition():
            if time.monotonic() > end:
                missing = sorted(set(self.ports) - self.came[True].keys() - self.came[False].keys())
                raise DemoFailed(f"{what} was not so within {WITHIN_S:g} s; missing: {missing[:9]}")
            await asyncio.sleep(POLL_S)
            self.look()

    async def for_s(self, seconds: float) -> None:
        """Look during this time."""
        end = time.monotonic() + seconds
        self.look()
        while time.monotonic() < end:
            await asyncio.sleep(POLL_S)
            self.look()


def gaps(moves: Moves, ports: Sequence[int]) -> dict[int, float]:
    """Return how long each port was at neither gateway, when it moved from the second to the
    first.
    """
    return {
        port: max(0.0, moves.came[False][port] - moves.went[True][port])
        for port in ports
        if port in moves.came[False] and port in moves.went[True]
    }


def summary(took_s: Mapping[int, float]) -> str:
    """Return the median, the 95th percentile and the longest time, as text."""
    values = list(took_s.values())
    return (
        f"median {statistics.median(values):.1f} s, 95 % {at_share(values, 0.95):.1f} s, all"
        f" {max(values):.1f} s"
    )


def by_kind(took_s: Mapping[int, float], kinds: Mapping[int, str]) -> str:
    """Return the median and the longest time of each kind of node, as text."""
    found: dict[str, list[float]] = {}
    for port, seconds in took_s.items():
        found.setdefault(kinds[port], []).append(seconds)
    return "; ".join(
        f"{len(values)} {kind}s: median {statistics.median(values):.1f} s, worst {max(values):.1f}"
        for kind, values in found.items()
    )


def most_in_a_second(times: Collection[float]) -> int:
    """Return how many of them lie within one second, at most."""
    ordered = sorted(times)
    return max(
        (sum(at <= other < at + 1 for other in ordered) for at in ordered),
        default=0,
    )
