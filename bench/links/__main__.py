"""`python -m bench.links full|quick MINUTES`: print the figures as JSON, in a network namespace."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import sys

from bench.figures import Figure
from bench.links.hours import hours
from bench.links.progress import say
from bench.links.table import FULL_PLAN, QUICK_PLAN, table
from demo.processes import DemoFailed


async def measure(scale: str, minutes: float) -> list[Figure] | None:
    """Run one of the two benchmarks; return None if it failed, after printing the reason."""
    try:
        if minutes:
            return await hours(minutes)
        return await table(QUICK_PLAN if scale == "quick" else FULL_PLAN)
    except* DemoFailed as failures:
        say(str(failures.exceptions[0]))
    return None


async def main() -> int:
    """Measure, but end all processes at the first signal."""
    loop = asyncio.get_running_loop()
    measuring = loop.create_task(measure(sys.argv[1], float(sys.argv[2])), name="links")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, measuring.cancel)
    try:
        found = await measuring
    except asyncio.CancelledError:
        return 130
    if found is None:
        return 1
    print(json.dumps([dataclasses.asdict(figure) for figure in found]))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
