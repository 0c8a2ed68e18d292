"""The demo's processes: each ends when we end it, and also if we are killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

ENDED_WITHIN_S = 8.0
"""`up` gives its sshd three seconds."""


class DemoFailed(Exception):
    """The demo cannot go on; its text is a whole sentence."""


def program(name: str) -> str:
    """A command of this installation. Raises DemoFailed."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoFailed(f"{path} is not installed; start the demo with: ./run demo")
    return str(path)


def tied(argv: Sequence[str], number: signal.Signals) -> list[str]:
    """The command that also ends when this process does, however that ends; see setpriv(1)."""
    name = number.name.removeprefix("SIG")
    return [*(["setpriv", "--pdeathsig", name] if shutil.which("setpriv") else []), *argv]


def environment(home: Path) -> dict[str, str]:
    """Ours, without what would lead out of the demo's home; what a library drops when it is ended
    early lands there too.
    """
    strange = ("XDG_", "REVERSI_", "SSH_", "NOTIFY_SOCKET")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)} | {
        "HOME": str(home),
        "TMPDIR": str(home),
    }


async def start(
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    stdout: int = DEVNULL,
    dies_by: signal.Signals = signal.SIGTERM,
) -> Process:
    """Start it in a session of its own, so that the terminal's signals reach us alone; what it
    tells goes to `log`.
    """
    with log.open("ab") as told:
        return await asyncio.create_subprocess_exec(
            *tied(argv, dies_by),
            stdin=DEVNULL,
            stdout=stdout,
            stderr=told,
            env=env,
            start_new_session=True,
        )


async def end_all(processes: Sequence[Process]) -> None:
    """End them, also those that are stopped, and wait until they are gone."""
    running = [process for process in processes if process.returncode is None]
    for process in running:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ENDED_WITHIN_S):
            for process in running:
                await process.wait()
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


def send(process: Process, number: signal.Signals) -> None:
    """Signal it, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


@contextlib.asynccontextmanager
async def ended_after(processes: list[Process]) -> AsyncIterator[None]:
    """Whatever is in the list by then is ended after the block."""
    try:
        yield
    finally:
        await end_all(processes)


async def run_quietly(*argv: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; its stdout. Raises DemoFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env
        )
    except FileNotFoundError:
        raise DemoFailed(f"{argv[0]} is not installed; start the demo with: ./run demo") from None
    out, told = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"{' '.join(argv[:4])} failed: {told.decode(errors='replace').strip()}")
    return out.decode()


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
