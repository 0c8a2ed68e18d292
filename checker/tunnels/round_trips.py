"""The worst round trip of the last ten minutes. Pure."""

from __future__ import annotations

KEPT_S = 600.0
RoundTrips = tuple[tuple[float, float], ...]
"""When each ended (monotonic) and its seconds: those after which no longer one came."""


def with_trip(trips: RoundTrips, took_s: float, now: float) -> RoundTrips:
    """Add a round trip that ended now."""
    longer = tuple((at, s) for at, s in trips if s > took_s and now - at <= KEPT_S)
    return (*longer, (now, took_s))


def worst_s(trips: RoundTrips, now: float) -> float:
    """Return the longest of the last ten minutes; 0.0 if there was none."""
    return max((took_s for at, took_s in trips if now - at <= KEPT_S), default=0.0)
