"""How much the benchmark of herds does."""

from __future__ import annotations

from dataclasses import dataclass

from bench.crowd import Mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The nodes, and the wave beside some of them."""

    mixture: Mixture
    """The Python clients of a second process leave before the wave."""
    each_s: float
    """Between two first logins: few enough at a time that none waits for another."""
    wave: int
    """Logins at once."""
    sample: int
    """Logins of the wave's kind, few at a time, that show what one costs."""
    watch_s: float
    """After the wave, for beats that it delayed."""


FULL_PLAN = Plan(
    mixture=Mixture(python=(400, 500), openssh=60, dropbear=40),
    each_s=0.06,
    wave=2000,
    sample=60,
    watch_s=15.0,
)
QUICK_PLAN = Plan(
    mixture=Mixture(python=(4,), openssh=1, dropbear=1),
    each_s=0.05,
    wave=6,
    sample=2,
    watch_s=0.0,
)
