"""`python -m demo --fleet`: the console over three gateways; one of them dies."""

from __future__ import annotations

import asyncio
import contextlib
import time

from checker.signatures import KEY_FILE
from demo.console import print_status, run_console, say
from demo.fleet_scene import GUESTS, VICTIM, FleetProgress
from demo.fleet_stage import FleetStage, fleet_staged
from demo.stage import POLL_S

KILLED_AFTER_S = 60.0
"""Of the console: time to see which node is where."""
OPENS_WITHIN_S = 30.0
"""Even if not all nodes are up by then."""


async def until_seen(stage: FleetStage, progress: FleetProgress) -> None:
    """Read what the console shows, and kill a gateway once all nodes are up, until all is seen."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(stage.watch(), name="watch")
        is_killed = False
        while not progress.is_moved:
            seen = await asyncio.to_thread(stage.seen)
            progress.update(seen, time.time())
            if progress.is_spread and not is_killed:
                say(f"all nodes are up, at three gateways; killing {VICTIM} now")
                stage.kill()
                is_killed = True
            await asyncio.sleep(POLL_S)
        watching.cancel()


def progress_of_all() -> FleetProgress:
    return FleetProgress([guest.role.name for guest in GUESTS])


async def headless(stage: FleetStage, end_at: float) -> int:
    """Return 0 once everything was seen; at the deadline, print what was not, and return 1."""
    progress = progress_of_all()
    try:
        async with asyncio.timeout_at(end_at):
            await until_seen(stage, progress)
    except TimeoutError:
        say("time is up")
    else:
        say(f"all nodes are up at the two others, and {VICTIM} is unreachable")
    for fault in progress.faults():
        say(fault)
    await print_status(stage.shown.home)
    return 0 if progress.is_moved else 1


async def until_spread(stage: FleetStage) -> None:
    """Wait until the console would show all nodes up: until the gateways have heard each other,
    each one takes what the others hold on this machine for foreign.
    """
    progress = progress_of_all()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(OPENS_WITHIN_S):
            while not progress.is_spread:
                progress.update(await asyncio.to_thread(stage.seen), time.time())
                await asyncio.sleep(POLL_S)


async def kill_later(stage: FleetStage) -> None:
    """Kill a gateway after a minute."""
    await asyncio.sleep(KILLED_AFTER_S)
    stage.kill()


async def play_fleet(seconds: float | None, end_at: float) -> int:
    """Run the fleet from start to end; return its exit status. Raises DemoFailed."""
    say("starting three gateways and their nodes")
    async with fleet_staged() as stage:
        if seconds is not None:
            return await headless(stage, end_at)
        say(f"the console opens soon; a minute later {VICTIM} dies; to leave, press q")
        await until_spread(stage)
        key = {KEY_FILE: str(stage.operator)}
        return await run_console(stage.shown.home, stage.watch(), kill_later(stage), settings=key)
