"""Run a benchmark as root, in namespaces of its own: mounts, network and processes.

It has a directory and an account there that exist nowhere else (`bench.inside`). When its first
process ends, the kernel ends all others: nothing stays on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import psutil

from bench.figures import Figure, row
from bench.setting import QUICK, Scale
from checker.model import CheckerError
from checker.sshd.program import find_sshd
from demo.processes import DemoFailed, tied

PROGRAMS = ("ip", "mount", "nsenter", "setpriv", "sh", "ssh", "unshare")
FIRST = '"$@"; exit $?'
"""The first process is a shell that stays: it reaps processes whose parent has ended."""
UNSHARE = (
    "unshare",
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-c",
    FIRST,
    "first",
)


def why_not(programs: Sequence[str] = ()) -> str:
    """Say why such a benchmark cannot run here; empty if it can."""
    if os.geteuid():
        return "needs root"
    missing = [name for name in (*PROGRAMS, *programs) if shutil.which(name) is None]
    try:
        find_sshd()
    except CheckerError:
        missing.append("sshd")
    return f"needs {', '.join(missing)}" if missing else ""


async def apart(module: str, scale: Scale, what: str, programs: Sequence[str] = ()) -> list[Figure]:
    """Run the module as a program, and return the figures that it prints; `what` names them if it
    cannot run here. Raises DemoFailed.
    """
    why = why_not(programs)
    if why:
        return [Figure(what=what, measured=f"left out: {why}")]
    with folder() as place:
        size = "quick" if scale.trials == QUICK.trials else "full"
        argv = tied([*UNSHARE, sys.executable, "-m", module, size, str(place)], signal.SIGKILL)
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, start_new_session=True
        )
        async with ended(process):
            found = [figure async for figure in figures_of(process)]
            if await process.wait():
                rows = "".join(f"\n{row(figure)}" for figure in found)
                raise DemoFailed(f"exit status {process.returncode}; the reason is above{rows}")
    return found


async def figures_of(process: Process) -> AsyncIterator[Figure]:
    """Yield each figure that the process prints."""
    assert process.stdout is not None
    async for line in process.stdout:
        yield Figure(**json.loads(line))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Make a directory, and remove it after the block."""
    made = Path(tempfile.mkdtemp(prefix="reversi-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.asynccontextmanager
async def ended(process: Process) -> AsyncIterator[None]:
    """After the block, end all that the process started.

    `unshare` waits for its child, and the kernel lets that go only when the namespace is empty.
    """
    try:
        yield
    finally:
        if process.returncode is None:
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(process.pid).children():
                    child.kill()
        await process.wait()
