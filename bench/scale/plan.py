"""How much the benchmark of scale does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The sizes of the registry, and of what is measured at them."""

    registered: tuple[int, ...]
    logins: int
    """At each size, by fingerprint and by the key file."""
    adds: int
    """At the first and the last size."""
    held: tuple[int, ...]
    """Real tunnels, at the last size."""
    watched: tuple[int, ...]
    """Those of them at which the daemon is watched; its slope is between the last two."""
    idle_s: float
    known_s: float
    """After the last login: from three beats on, a tunnel is probed less often."""
    settled_s: float
    """After the daemon's start, until it is watched without a tunnel."""
    watch_s: float
    """Whole minutes: once a minute the daemon looks at all files of the registry."""


FULL_PLAN = Plan(
    registered=(1, 10_000, 30_000),
    logins=40,
    adds=5,
    held=(500, 1000, 2000, 4000),
    watched=(1000, 2000, 4000),
    idle_s=6.0,
    known_s=60.0,
    settled_s=45.0,
    watch_s=120.0,
)
QUICK_PLAN = Plan(
    registered=(60,),
    logins=2,
    adds=1,
    held=(2,),
    watched=(2,),
    idle_s=0.5,
    known_s=0.0,
    settled_s=0.0,
    watch_s=1.0,
)
