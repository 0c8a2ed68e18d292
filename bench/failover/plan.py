"""How much the benchmark of failover does."""

from __future__ import annotations

from dataclasses import dataclass

from bench.crowd import Mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The nodes, and how long each state lasts."""

    mixture: Mixture
    each_s: float
    """Between two first logins."""
    steady_s: float
    """All tunnels are up and beat, before the death: a link is then known to be fast."""
    repaired_s: float
    """To see who goes back by itself, before the orderly stop."""
    beat_s: int = 10
    """The default of all clients."""


FULL_PLAN = Plan(
    mixture=Mixture(python=(70, 70), openssh=30, dropbear=30),
    each_s=0.08,
    steady_s=45.0,
    repaired_s=30.0,
)
QUICK_PLAN = Plan(
    mixture=Mixture(python=(2,), openssh=1, dropbear=1),
    each_s=0.05,
    steady_s=3.0,
    repaired_s=1.0,
    beat_s=2,
)
