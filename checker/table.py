"""Text for people: aligned columns, coarse ages, local times."""

from __future__ import annotations

import time
from collections.abc import Sequence

UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows with their columns in line, two spaces between, nothing behind the last."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def age(at: float | None, now: float) -> str:
    """How long ago, in one unit; `-` where it is not known."""
    if at is None:
        return "-"
    passed = max(0.0, now - at)
    size, letter = next((unit for unit in UNITS if passed >= unit[0]), UNITS[-1])
    return f"{int(passed // size)}{letter}"


def clock(at: float) -> str:
    """Local date and time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def today() -> str:
    """The day of this machine's clock, YYYY-MM-DD: the one by which sshd judges expiry-time."""
    return time.strftime("%Y-%m-%d")


def day(at: float) -> str:
    """Local day, YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.localtime(at))
