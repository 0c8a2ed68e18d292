"""Wait for facts, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LONG_S = 150.0
"""Longer than any step of a test takes on a busy machine."""
POLL_S = 0.05
LONGEST_PAUSE_S = 2.0


def until(fact: Callable[[], T | None], what: str, *, within_s: float = LONG_S) -> T:
    """Return the first true value of the fact; fail at the deadline.

    The failure names what we waited for, and the last value.
    """
    asked = time.monotonic()
    end = asked + within_s
    while not (value := fact()):
        now = time.monotonic()
        assert now < end, f"not within {within_s:g} s: {what} (last seen: {value!r})"
        time.sleep(pause_after(now - asked))
        asked = time.monotonic()
    return value


def pause_after(took_s: float) -> float:
    """Ask less often for a fact that takes longer: other tests need the processor."""
    return max(POLL_S, min(4 * took_s, LONGEST_PAUSE_S))
