"""A share as a percentage, never rounded up. Pure."""

from __future__ import annotations


def number(part: float | None) -> str:
    """The percentage without its sign; empty if unknown."""
    return "" if part is None else f"{int(part * 10000) / 100:.2f}"


def percentage(part: float | None) -> str:
    """Never rounded up to 100."""
    return "-" if part is None else f"{number(part)} %"
