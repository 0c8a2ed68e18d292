"""Children that die with their parent, and the end of a child that ignores SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from checker.linux.children import end_child, ending_with_us
from checker.linux.processes import is_alive, read_process

PARENT = """
import subprocess, time
from checker.linux.children import ending_with_us
with subprocess.Popen([*ending_with_us(), "sleep", "60"]) as child:
    print(child.pid, flush=True)
    time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def wait_for(fact: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 50
    while not fact():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_child_dies_with_its_killed_parent() -> None:
    if not ending_with_us():
        pytest.skip("setpriv does not work here")
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_for(lambda: (found := read_process(pid)) is not None and found.name == "sleep")
        child = read_process(pid)
        parent.kill()

    assert child is not None
    wait_for(lambda: not is_alive(child.id))


def test_without_setpriv_there_is_no_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert ending_with_us() == ()


async def test_a_child_is_terminated() -> None:
    child = await asyncio.create_subprocess_exec("sleep", "60")

    await end_child(child)

    assert child.returncode == -signal.SIGTERM


async def test_a_child_that_ignores_sigterm_is_killed() -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", DEAF, stdout=pipe)
    assert child.stdout is not None
    await child.stdout.readline()

    await end_child(child, within_s=0.05)

    assert child.returncode == -signal.SIGKILL


async def test_ending_a_child_that_has_ended_does_nothing() -> None:
    child = await asyncio.create_subprocess_exec("true")
    await child.wait()

    await end_child(child)

    assert child.returncode == 0
