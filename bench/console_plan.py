"""How much the console benchmark measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsolePlan:
    """How often and how long each thing is measured."""

    rows: tuple[int, ...]
    """The sizes of the table; the last one is measured for longer."""
    starts: int
    presses: int
    """For each key at the last size; half as many at the others."""
    letters: int
    """Typed into filters at the last size; half as many at the others."""
    watch_s: float
    """For each steady state."""
    large: int
    """Rows of a very large table, measured only a little."""
    uptime_rows: int
    events: int
    """In the event log."""
    once_nodes: int
    once_runs: int

    def is_last(self, rows: int) -> bool:
        return rows == self.rows[-1]

    def starts_at(self, rows: int) -> int:
        return self.starts if self.is_last(rows) else 1

    def presses_at(self, rows: int) -> int:
        return self.presses if self.is_last(rows) else self.presses // 2

    def letters_at(self, rows: int) -> int:
        return self.letters if self.is_last(rows) else self.letters // 2


FULL_PLAN = ConsolePlan(
    rows=(100, 1000, 5000),
    starts=3,
    presses=20,
    letters=12,
    watch_s=10.0,
    large=30_000,
    uptime_rows=5000,
    events=100_000,
    once_nodes=1000,
    once_runs=10,
)
QUICK_PLAN = ConsolePlan(
    rows=(100,),
    starts=1,
    presses=4,
    letters=2,
    watch_s=1.0,
    large=150,
    uptime_rows=100,
    events=2000,
    once_nodes=100,
    once_runs=2,
)
