"""Wait for facts, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LONG_S = 150.0
"""Longer than any step of a test takes on a busy machine."""
POLL_S = 0.05
LATE_POLL_S = 0.2
"""Between two questions once a fact has not been true for four seconds."""
LONGEST_PAUSE_S = 2.0


def until(fact: Callable[[], T | None], what: str, *, within_s: float = LONG_S) -> T:
    """Return the first true value of the fact; fail at the deadline.

    The failure names what we waited for, and the last value.
    """
    began = asked = time.monotonic()
    end = began + within_s
    while not (value := fact()):
        now = time.monotonic()
        assert now < end, f"not within {within_s:g} s: {what} (last seen: {value!r})"
        time.sleep(pause_after(now - asked, waited_s=now - began))
        asked = time.monotonic()
    return value


def pause_after(took_s: float, *, waited_s: float) -> float:
    """Ask less often for a fact that takes longer to find out, or to come true: other tests need
    the processor.
    """
    usual = max(POLL_S, min(waited_s / 20, LATE_POLL_S))
    return max(usual, min(4 * took_s, LONGEST_PAUSE_S))
