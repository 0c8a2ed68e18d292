"""Ports as an admin writes them in reversi.toml: ranges and single ports."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from checker.model.errors import InvalidValue
from checker.model.node import parse_port


@dataclass(frozen=True, slots=True)
class PortRanges(Collection[int]):
    """Ranges of ports, in the order in which they are used; no port is in two of them."""

    ranges: tuple[range, ...] = ()

    def __contains__(self, port: object) -> bool:
        return any(port in ports for ports in self.ranges)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.ranges)

    def __len__(self) -> int:
        return sum(map(len, self.ranges))

    def __str__(self) -> str:
        return ", ".join(map(range_text, self.ranges))

    def without(self, others: Collection[int]) -> PortRanges:
        """Return the ranges that have no port in common with the others."""
        return PortRanges(
            tuple(ports for ports in self.ranges if not any(port in others for port in ports))
        )


def range_text(ports: range) -> str:
    """Write a range as `parse_range` reads it."""
    return f"{ports.start}-{ports[-1]}" if len(ports) > 1 else f"{ports.start}"


def parse_range(text: str) -> range:
    """Parse `LOWEST-HIGHEST`, or a single port. Raises InvalidValue."""
    low, dash, high = text.strip().partition("-")
    first = parse_port(low)
    last = parse_port(high) if dash else first
    if first > last:
        raise InvalidValue(f"{text[:40]!r} begins with its highest port; write LOWEST-HIGHEST")
    return range(first, last + 1)


def common(one: range, other: range) -> range:
    """Return the ports that are in both ranges."""
    return range(max(one.start, other.start), min(one.stop, other.stop))


def parse_ranges(texts: Iterable[str]) -> PortRanges:
    """Parse ranges and single ports. Raises InvalidValue, also for a port that is named twice."""
    found: list[range] = []
    for text in texts:
        ports = parse_range(text)
        twice = [both for other in found if (both := common(ports, other))]
        if twice:
            raise InvalidValue(f"port {min(both.start for both in twice)} is named twice")
        found.append(ports)
    if not found:
        raise InvalidValue("no port is named")
    return PortRanges(tuple(found))
