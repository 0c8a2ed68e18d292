"""Run the benchmark of links in a new network namespace, and return its figures; needs root."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE

from bench.figures import Figure
from bench.setting import QUICK, Scale
from demo.processes import DemoFailed, ended_after, tied

PROGRAMS = ("ip", "tc", "unshare", "nsenter")


async def links(scale: Scale) -> list[Figure]:
    """Run this package as a program. Raises DemoFailed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    why = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    if why:
        return [Figure(what="transfers and hangs on slow links", measured=f"left out: {why}")]
    quick = scale.trials == QUICK.trials
    argv = [
        "unshare",
        "--net",
        sys.executable,
        "-m",
        "bench.links",
        "quick" if quick else "full",
        str(scale.link_minutes),
    ]
    process = await asyncio.create_subprocess_exec(
        *tied(argv, signal.SIGTERM),
        stdin=DEVNULL,
        stdout=PIPE,
        start_new_session=True,
        limit=1 << 20,
    )
    async with ended_after([process]):
        assert process.stdout is not None
        found = await process.stdout.read()
        if await process.wait():
            raise DemoFailed(f"exit status {process.returncode}; the reason is above")
    return [Figure(**figure) for figure in json.loads(found)]
