"""The demo's processes: started, and ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import Process
from pathlib import Path

import psutil

from demo.processes import end_all, start
from tests.system.waiting import until

ROUNDS, MANY = 6, 25


def programs(many: list[Process]) -> set[str]:
    """What runs in them: at first what starts the program."""
    return {psutil.Process(one.pid).name() for one in many}


async def begun(folder: Path) -> list[Process]:
    """Start processes, and wait until each runs its program; one of them is stopped."""
    env = dict(os.environ)
    many = [await start(["sleep", "100"], log=folder / "log", env=env) for _ in range(MANY)]
    await asyncio.to_thread(until, lambda: programs(many) == {"sleep"}, "all run")
    many[0].send_signal(signal.SIGSTOP)
    return many


async def end_many(folder: Path) -> set[int | None]:
    """Start and end processes several times; return their exit statuses."""
    found = set[int | None]()
    for _ in range(ROUNDS):
        many = await begun(folder)
        await end_all(many)
        found |= {one.returncode for one in many}
    return found


def test_each_end_is_seen_as_it_was_even_of_a_stopped_one(tmp_path: Path) -> None:
    assert asyncio.run(end_many(tmp_path)) == {-signal.SIGTERM}
