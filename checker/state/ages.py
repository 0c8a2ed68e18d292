"""What each probe changes of a tunnel that is as before; it is written in batches. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import islice
from operator import attrgetter
from typing import TypeVar

from checker.model import Hour, NodeName, Place, Port, Tunnel, Watched
from checker.state.pending import Pending

K = TypeVar("K")
V = TypeVar("V")
AGES = frozenset(
    {"latency_ms", "probed_at", "checked_at", "failures", "bytes_total", "answer", "revision"}
)
"""An answer may have the time in it."""
MATTERS = attrgetter(*(each.name for each in fields(Tunnel) if each.name not in AGES))


def is_material(before: Tunnel | None, after: Tunnel) -> bool:
    """Whether more changed than ages and measurements; the first check of a node is news, too."""
    return (
        before is None
        or MATTERS(before) != MATTERS(after)
        or (before.checked_at is None) is not (after.checked_at is None)
    )


@dataclass(slots=True, kw_only=True)
class Ages:
    """Rows that aged since the last write, and for how long forwards were watched meanwhile."""

    tunnels: dict[Place, Tunnel] = field(default_factory=dict)
    uptime: dict[tuple[NodeName, Port, str], Watched] = field(default_factory=dict)
    """By day, too."""
    hours: dict[tuple[NodeName, Port, int], Hour] = field(default_factory=dict)

    def add_time(self, place: Place, lately: Watched, hours: Iterable[Hour]) -> None:
        """Add a time that a forward was watched, as a day and as parts of hours."""
        node, port = place
        if lately.watched_s:
            known = self.uptime.get((node, port, lately.day), Watched(lately.day, 0.0, 0.0))
            self.uptime[node, port, lately.day] = Watched(
                lately.day, known.up_s + lately.up_s, known.watched_s + lately.watched_s
            )
        for hour in hours:
            before = self.hours.get((node, port, hour.hour))
            self.hours[node, port, hour.hour] = (
                hour
                if before is None
                else hour._replace(
                    up_s=before.up_s + hour.up_s, watched_s=before.watched_s + hour.watched_s
                )
            )

    def __len__(self) -> int:
        return max(len(self.tunnels), len(self.uptime), len(self.hours))

    def part(self, most: int) -> Ages:
        """Take out the oldest of these, so many of each kind at most."""
        return Ages(
            tunnels=taken(self.tunnels, most),
            uptime=taken(self.uptime, most),
            hours=taken(self.hours, most),
        )

    def move_to(self, pending: Pending) -> None:
        """Have all this written next; what is pending already is newer."""
        for place, tunnel in self.tunnels.items():
            pending.tunnels.setdefault(place, tunnel)
        pending.uptime += [(node, port, lately) for (node, port, _), lately in self.uptime.items()]
        pending.hours += self.hours.values()
        self.tunnels, self.uptime, self.hours = {}, {}, {}


def taken(found: dict[K, V], most: int) -> dict[K, V]:
    """Take out the first of them."""
    return {key: found.pop(key) for key in list(islice(found, most))}
