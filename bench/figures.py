"""The figures, and the markdown table that shows them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADINGS = ("what", "measured", "beside it", "target", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table."""

    what: str
    measured: str
    beside: str = ""
    """What to compare it with, measured in the same run."""
    target: str = ""
    met: bool | None = None
    """None: there is no target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one operation."""

    wall_ms: float
    cpu_ms: float

    def __str__(self) -> str:
        return f"{self.wall_ms:.2f} ms wall, {self.cpu_ms:.2f} ms CPU"


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """Return the median and the worst value, as text."""
    return (
        f"median {statistics.median(values):.{digits}f} {unit}, worst {max(values):.{digits}f}"
        f" {unit} of {len(values)}"
    )


def times(more: float, less: float) -> str:
    """Return how many times more one is than the other, as text."""
    return f"{more / less:.1f} x" if less > 0 else "-"


def cells(figure: Figure) -> tuple[str, ...]:
    verdict = "" if figure.met is None else "met" if figure.met else "MISSED"
    return (figure.what, figure.measured, figure.beside, figure.target, verdict)


def line(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"


def heading() -> str:
    """Return the first two lines of the table."""
    return f"{line(HEADINGS)}\n{line('---' for _ in HEADINGS)}"


def row(figure: Figure) -> str:
    """Return one line of the table."""
    return line(cells(figure))
