"""Measure how late this process runs its own timers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque

TICK_S = 0.25
REMEMBERED = 256
"""Number of ticks kept: those of a minute, longer than any probe."""


class Lateness:
    """How late our own loop is, so that a starved gateway does not take its delay for a node's
    silence.
    """

    def __init__(self) -> None:
        self.ticked_at = time.monotonic()
        self.ticks: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            self.ticked_at = time.monotonic()
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self.ticks.append((now, now - self.ticked_at - TICK_S))

    def worst_since(self, began: float) -> float:
        """Return the worst lateness in seconds since `began` (monotonic), the tick under way
        included.
        """
        under_way = time.monotonic() - self.ticked_at - TICK_S
        since = itertools.takewhile(lambda tick: tick[0] >= began, reversed(self.ticks))
        return max([0.0, under_way, *(late for _, late in since)])
