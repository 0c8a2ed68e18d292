"""The last latencies and bytes per second of each forward, in the memory of this console only."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

from checker.model import Tunnel
from checker.rows.row import Key, Row
from checker.rows.trend import SAMPLES

LEAST_S = 15.0
"""Between two counts of a connection's bytes: the daemon reads them every 20 s, so those of two
probes in quick succession may be the same.
"""
NONE: array[float] = array("f")


class Trends:
    """Takes 4 bytes a number; other threads may read a trend while it grows."""

    def __init__(self) -> None:
        self.kept: dict[Key, array[float]] = {}
        self.rates: dict[Key, array[float]] = {}
        self.counted: dict[Key, Tunnel] = {}
        """What each rate is measured from: the row as it was when its bytes were last counted."""

    def take(self, tunnels: Iterable[Tunnel], before: Mapping[Key, Tunnel]) -> None:
        """Add latency and rate of each that was probed since it was seen `before`."""
        for tunnel in tunnels:
            key = (tunnel.node, tunnel.port)
            seen = before.get(key)
            if tunnel.probed_at is None or (seen and seen.probed_at == tunnel.probed_at):
                continue
            latency_ms = math.nan if tunnel.latency_ms is None else tunnel.latency_ms
            kept = self.kept.get(key)
            if kept is None:
                self.kept[key] = array("f", (latency_ms,))
            else:
                append(kept, latency_ms)
            if tunnel.bytes_total is not None or key in self.counted or key in self.rates:
                self.count(key, tunnel)

    def count(self, key: Key, tunnel: Tunnel) -> None:
        """Add the rate since the bytes were last counted, unless that was just now."""
        base = self.counted.get(key)
        rate = rate_between(base, tunnel)
        if rate is None:
            return
        if tunnel.bytes_total is None:
            self.counted.pop(key, None)
        else:
            self.counted[key] = tunnel
        if not math.isnan(rate):
            append(self.rates.setdefault(key, array("f")), rate)
        elif key in self.rates:  # a gap only between rates: most rows of a large fleet have none
            append(self.rates[key], rate)

    def of(self, key: Key) -> array[float]:
        return self.kept.get(key, NONE)

    def rates_of(self, key: Key) -> array[float]:
        return self.rates.get(key, NONE)


def append(found: array[float], number: float) -> None:
    """Add the newest; only the last SAMPLES stay."""
    found.append(number)
    if len(found) > SAMPLES:
        del found[0]


def rate_between(base: Tunnel | None, now: Tunnel) -> float | None:
    """Bytes per second; NaN if unknown, as of another connection, or one whose count fell; None if
    it is too early to say.
    """
    if base is None or base.bytes_total is None or now.bytes_total is None:
        return math.nan
    assert base.probed_at is not None
    assert now.probed_at is not None
    elapsed_s, carried = now.probed_at - base.probed_at, now.bytes_total - base.bytes_total
    if base.session != now.session or carried < 0 or elapsed_s < 0:
        return math.nan
    return carried / elapsed_s if elapsed_s >= LEAST_S else None


def is_as_made(row: Row, trends: Trends) -> bool:
    """Whether another probe of the row's tunnel changes nothing else of it. Thousands are made
    between two sweeps, so nothing else is looked up.
    """
    key, known = row.key, row.known
    return (
        row.forward is not None
        and not row.applicant
        and known.trend is trends.of(key)
        and known.rates is trends.rates_of(key)
    )
