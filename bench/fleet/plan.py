"""How much the benchmark of a fleet does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The sizes, and how long each state lasts."""

    rows: int
    """Of all gateways together, a third at each."""
    cold: int
    """Rows of one gateway that a mirror is filled with."""
    registered: int
    """In the registry of all gateways, while it is edited."""
    edits: int
    changes: int
    acts: int
    watch_s: float
    """While rows change and age, to measure agents and nats-servers."""
    changes_a_second: int
    """At each gateway."""
    fault_s: float
    """How long each fault of the bus lasts."""
    starts: int
    presses: int
    letters: int
    """Typed into filters of the console."""
    events: int
    """In the event log, a third of them at each gateway."""


FULL_PLAN = Plan(
    rows=30_000,
    cold=30_000,
    registered=30_000,
    edits=20,
    changes=60,
    acts=100,
    watch_s=180.0,
    changes_a_second=5,
    fault_s=45.0,
    starts=3,
    presses=20,
    letters=12,
    events=100_000,
)
QUICK_PLAN = Plan(
    rows=150,
    cold=100,
    registered=60,
    edits=3,
    changes=2,
    acts=3,
    watch_s=2.0,
    changes_a_second=5,
    fault_s=3.0,
    starts=1,
    presses=2,
    letters=2,
    events=1500,
)
