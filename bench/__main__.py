"""`./run bench`: print the figures as a markdown table."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence

from bench import (
    blackhole,
    bundles,
    checks,
    console,
    metrics,
    recovery,
    ssh_hosts,
    sweep,
    throughput,
    traffic,
)
from bench.failover.run import failover
from bench.figures import heading, row
from bench.fleet.run import fleet
from bench.herd.run import herd
from bench.links.run import links
from bench.scale.run import many
from bench.setting import FULL, QUICK, Scale
from demo.processes import DemoFailed

BENCHMARKS = {
    "checks": checks.checks,
    "gate": checks.gate,
    "sweep": sweep.sweep,
    "hang": recovery.hang,
    "blackhole": blackhole.outages,
    "links": links,
    "takeover": recovery.takeover,
    "memory": sweep.memory,
    "throughput": throughput.throughput,
    "bundles": bundles.bundles,
    "traffic": traffic.traffic,
    "console": console.console,
    "ssh": ssh_hosts.ssh_hosts,
    "metrics": metrics.metrics,
    "scale": many,
    "herd": herd,
    "failover": failover,
    "fleet": fleet,
}


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


async def measure(names: Sequence[str], scale: Scale) -> int:
    """Print each figure when it is ready; return 1 if one could not be measured."""
    failed = 0
    print(heading(), flush=True)
    for name in names:
        began = time.monotonic()
        try:
            for figure in await BENCHMARKS[name](scale):
                print(row(figure), flush=True)
        except* DemoFailed as failures:
            failed = 1
            say(f"{name}: {failures.exceptions[0]}")
        say(f"{name} took {time.monotonic() - began:.0f} s")
    return failed


async def until_signalled(names: Sequence[str], scale: Scale) -> int:
    """Measure, but end all processes at the first signal."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        measuring = group.create_task(measure(names, scale), name="bench")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, measuring.cancel)
    return 130 if measuring.cancelled() else measuring.result()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run bench", description="Measure the figures for which there are targets."
    )
    parser.add_argument(
        "--tunnels",
        type=int,
        metavar="N",
        help=f"number of real tunnels in the sweep (default: {FULL.tunnels})",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=BENCHMARKS,
        metavar="NAME",
        help=f"run only these: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="do only a little of everything, to see that it runs; the figures mean little",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="N",
        help="with --only links: instead, keep tunnels on slow links for N minutes",
    )
    args = parser.parse_args()
    if args.minutes is not None and args.only != ["links"]:
        parser.error("--minutes needs --only links")
    scale = QUICK if args.quick else FULL
    if args.minutes is not None:
        scale = dataclasses.replace(scale, link_minutes=args.minutes)
    if args.tunnels is not None:
        scale = dataclasses.replace(scale, tunnels=args.tunnels)
    say(f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}")
    return asyncio.run(until_signalled(args.only or list(BENCHMARKS), scale))


if __name__ == "__main__":
    sys.exit(main())
