"""Measure the console's uptime screen over a month of a whole fleet."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

from bench.console_home import FIRST_PORT, name_of
from bench.console_pty import Terminal
from bench.figures import Figure
from checker.config.layout import Layout
from checker.model import NodeName, Port, Watched
from checker.state.rows import Batch
from checker.state.store import open_store

DAYS = 30
DAY_S = 86400.0
OPEN, ESCAPE = b"u", b"\x1b"
FILLED = b"worst first"
"""Its title has these words once there are figures."""


def month_of(count: int, now: float) -> Iterator[tuple[NodeName, Port, Watched]]:
    """Each forward's days; each lost ten minutes on one day of seven."""
    days = [time.strftime("%Y-%m-%d", time.gmtime(now - ago * DAY_S)) for ago in range(DAYS)]
    for number in range(count):
        for ago, day in enumerate(days):
            lost_s = 600.0 if (number + ago) % 7 == 0 else 0.0
            watched = Watched(day=day, up_s=DAY_S - lost_s, watched_s=DAY_S)
            yield name_of(number), Port(FIRST_PORT + number), watched


def write_month(layout: Layout, count: int) -> None:
    store = open_store(layout.state)
    try:
        store.write(Batch(uptime=tuple(month_of(count, time.time()))))
    finally:
        store.close()


async def opened(terminal: Terminal, count: int) -> list[float]:
    """Open the screen so many times, and return the seconds until it is filled; it is closed
    afterwards.
    """
    found = []
    for _ in range(count):
        terminal.kept = b""
        began = time.monotonic()
        os.write(terminal.master, OPEN)
        # it writes first that it reads; on a busy machine the figures come long after that
        await terminal.until(FILLED)
        found.append(terminal.last_at - began)
        # what is painted now must be the answer to escape: a letter that comes too soon after it
        # is alt and that letter
        await terminal.settled()
        await terminal.press(ESCAPE)
    return found


async def uptime_figure(terminal: Terminal, rows: int, count: int) -> Figure:
    """Measure a console that shows its table, over a state file with a month of it."""
    await terminal.settled()
    painted_s = await opened(terminal, count)
    return Figure(
        what=f"uptime of {rows:,} forwards over {DAYS} days: opened and filled",
        measured=(
            f"median {statistics.median(painted_s):.2f} s, worst {max(painted_s):.2f} s"
            f" of {len(painted_s)}"
        ),
    )
