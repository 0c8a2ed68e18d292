"""What the demo shows: sentences, the console, and at the end of a headless one its status."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any

from demo.processes import end_all, environment, program


def say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)


async def print_status(home: Path) -> None:
    """Print the status table. Ignore its exit status: some nodes are down on purpose."""
    process = await asyncio.create_subprocess_exec(
        program("reversi-checker"), "--home", str(home), "status", env=environment(home)
    )
    await process.wait()


async def run_console(
    home: Path, *beside: Coroutine[Any, Any, None], settings: Mapping[str, str] | None = None
) -> int:
    """Run the console in the foreground until the user leaves it, and these beside it; return its
    exit status. `settings` come into its environment.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one, name="beside the console") for one in beside]
        process = await asyncio.create_subprocess_exec(
            program("reversi-tui"), "--home", str(home), env={**os.environ, **(settings or {})}
        )
        try:
            return await process.wait()
        finally:
            await end_all([process])
            for task in tasks:
                task.cancel()
