"""`python -m demo`: show the console on a private gateway, or, headless, prove that all works."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time

from checker.model import Status
from demo.console import print_status, run_console, say
from demo.fleet import play_fleet
from demo.processes import DemoFailed
from demo.scene import FREEZER, ROLES, Progress
from demo.stage import FREEZES_EVERY_S, POLL_S, Stage, staged

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_seen(stage: Stage, progress: Progress) -> None:
    """Read the state file, and freeze a node once all are settled, until everything was seen."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(stage.watch(), name="watch")
        freezing: asyncio.Task[None] | None = None
        while not progress.is_complete:
            progress.update(stage.tunnels())
            if freezing is None and progress.is_settled:
                say(f"every node has its expected status; freezing {FREEZER.name} now")
                freezing = group.create_task(stage.freeze(), name="freeze")
            await asyncio.sleep(POLL_S)
        watching.cancel()


async def headless(stage: Stage, end_at: float) -> int:
    """Return 0 once everything was seen; at the deadline, print what was not, and return 1."""
    progress = Progress(ROLES)
    try:
        async with asyncio.timeout_at(end_at):
            await until_seen(stage, progress)
    except TimeoutError:
        say("time is up")
    faults = progress.faults()
    for fault in faults:
        say(fault)
    await print_status(stage.home)
    return 1 if faults else 0


async def freeze_for_ever(stage: Stage) -> None:
    """Freeze one node every minute if it is up."""
    while True:
        began = time.monotonic()
        tunnel = stage.tunnels().get(FREEZER.name)
        if tunnel is not None and tunnel.status is Status.UP and tunnel.probed_at is not None:
            await asyncio.sleep(FREEZES_EVERY_S / 4)  # first let the operator see it up
            await stage.freeze()
            await asyncio.sleep(max(0.0, began + FREEZES_EVERY_S - time.monotonic()))
        await asyncio.sleep(POLL_S)


async def play(seconds: float | None, end_at: float) -> int:
    """Run the demo from start to end; return its exit status. Raises DemoFailed."""
    say("starting a gateway and its nodes")
    async with staged() as stage:
        if seconds is not None:
            return await headless(stage, end_at)
        return await run_console(stage.home, stage.watch(), freeze_for_ever(stage))


async def until_signalled(seconds: float | None, *, is_fleet: bool) -> int:
    """Run the demo, but end it in order at the first signal; ignore further ones."""
    received: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    end_at = loop.time() + (seconds or 0.0)
    async with asyncio.TaskGroup() as group:
        demo = (play_fleet if is_fleet else play)(seconds, end_at)
        playing = group.create_task(demo, name="demo")

        def stop(number: signal.Signals) -> None:
            if not received:
                received.append(number)
                playing.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
    return 128 + received[0] if playing.cancelled() else playing.result()


def innermost(failure: BaseException) -> BaseException:
    """Return the first failure in nested exception groups."""
    return innermost(failure.exceptions[0]) if isinstance(failure, BaseExceptionGroup) else failure


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run demo",
        description="Run a gateway and eight nodes on this machine, and remove them at the end.",
    )
    parser.add_argument(
        "--headless",
        type=float,
        metavar="SECONDS",
        help="show no console; exit with 0 when every expected status was seen, 1 after SECONDS",
    )
    parser.add_argument(
        "--fleet",
        action="store_true",
        help="three gateways and twelve nodes instead; one gateway is killed after a minute",
    )
    args = parser.parse_args()
    seconds = args.headless
    if seconds is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        words = "--fleet --headless 240" if args.fleet else "--headless 120"
        say(f"the console needs a terminal; without one, run: ./run demo {words}")
        return 2
    try:
        return asyncio.run(until_signalled(seconds, is_fleet=args.fleet))
    except* DemoFailed as failures:
        reason = innermost(failures)
    say(str(reason))
    return 1


if __name__ == "__main__":
    sys.exit(main())
