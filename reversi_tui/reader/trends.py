"""The last latencies of each forward, in the memory of this console only."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

from checker.model import Tunnel
from checker.rows.row import Key
from checker.rows.trend import SAMPLES


class Trends:
    """Takes 4 bytes a latency; other threads may read a trend while it grows."""

    def __init__(self) -> None:
        self.kept: dict[Key, array[float]] = {}

    def take(self, tunnels: Iterable[Tunnel], before: Mapping[Key, Tunnel]) -> None:
        """Add the latency of each that was probed since it was seen `before`."""
        for tunnel in tunnels:
            key = (tunnel.node, tunnel.port)
            seen = before.get(key)
            if tunnel.probed_at is None or (seen and seen.probed_at == tunnel.probed_at):
                continue
            latency_ms = math.nan if tunnel.latency_ms is None else tunnel.latency_ms
            found = self.kept.setdefault(key, array("f"))
            found.append(latency_ms)
            if len(found) > SAMPLES:
                del found[0]

    def of(self, key: Key) -> array[float] | tuple[()]:
        return self.kept.get(key, ())
