"""How late this process itself is."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque

TICK_S = 0.25
REMEMBERED = 256
"""Ticks that are kept: a minute's, longer than any probe."""


class Lateness:
    """How late our own loop is: a starved gateway must not take its own delay for a node's
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
        """The worst lateness of any tick that ended after `began` (monotonic), and of the one under
        way, in seconds.
        """
        under_way = time.monotonic() - self.ticked_at - TICK_S
        since = itertools.takewhile(lambda tick: tick[0] >= began, reversed(self.ticks))
        return max([0.0, under_way, *(late for _, late in since)])
