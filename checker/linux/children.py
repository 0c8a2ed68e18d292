"""Children that die with us, and how to end one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess

WITH_US = ("setpriv", "--pdeathsig", "TERM")
TRIED_WITHIN_S = 5.0
ENDS_WITHIN_S = 3.0


def ending_with_us() -> tuple[str, ...]:
    """Return a command prefix that makes a child die with us; empty if it does not work here.

    In systemd's service it does not work: setpriv sets its capabilities again, which our system
    call filter forbids. There, all processes end with the service. Busybox's setpriv lacks the
    option.
    """
    try:
        tried = subprocess.run(
            [*WITH_US, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TRIED_WITHIN_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return WITH_US if tried.returncode == 0 else ()


async def end_child(process: asyncio.subprocess.Process, within_s: float = ENDS_WITHIN_S) -> None:
    """Terminate it and wait; kill it after `within_s` seconds."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
