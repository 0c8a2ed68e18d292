"""Wait for facts, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LONG_S = 40.0
"""Longer than any step of a test takes on a busy machine."""
POLL_S = 0.05


def until(fact: Callable[[], T | None], what: str, *, within_s: float = LONG_S) -> T:
    """Return the first true value of the fact; fail at the deadline.

    The failure names what we waited for, and the last value.
    """
    end = time.monotonic() + within_s
    while not (value := fact()):
        assert time.monotonic() < end, f"not within {within_s:g} s: {what} (last seen: {value!r})"
        time.sleep(POLL_S)
    return value
