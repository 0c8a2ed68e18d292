"""Start and end the demo's processes; they end with us even if we are killed."""

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
    """The demo cannot go on; the text says why."""


def program(name: str) -> str:
    """Return the path of a command of this installation. Raises DemoFailed."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoFailed(f"{path} is not installed; start the demo with: ./run demo")
    return str(path)


def tied(argv: Sequence[str], number: signal.Signals) -> list[str]:
    """Return a command line whose process dies with this one; see setpriv(1)."""
    name = number.name.removeprefix("SIG")
    return [*(["setpriv", "--pdeathsig", name] if shutil.which("setpriv") else []), *argv]


def environment(home: Path) -> dict[str, str]:
    """Return our environment without variables that lead out of the demo's home.

    HOME and TMPDIR are that home, so that files of killed processes are removed with it.
    """
    strange = ("XDG_", "REVERSI_", "SSH_", "NOTIFY_SOCKET")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)} | {
        "HOME": str(home),
        "TMPDIR": str(home),
    }


async def start(  # noqa: PLR0913 - what differs between two processes
    argv: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    stdin: int = DEVNULL,
    stdout: int = DEVNULL,
    dies_by: signal.Signals = signal.SIGTERM,
    folder: Path | None = None,
) -> Process:
    """Start a process in a new session, so that the terminal's signals reach only us.

    Its stderr goes to `log`. It works in `folder`, or where we do.
    """
    with log.open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *tied(argv, dies_by),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=env,
            cwd=folder,
            start_new_session=True,
        )


async def end_all(processes: Sequence[Process]) -> None:
    """Terminate the processes, even if they are stopped, and wait for them."""
    running = [process for process in processes if process.returncode is None]
    for process in running:
        send(process, signal.SIGCONT)  # first: a signal after its end would collect its exit status
        send(process, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ENDED_WITHIN_S):
            for process in running:
                await process.wait()
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


def send(process: Process, number: signal.Signals) -> None:
    """Send a signal, if the process still exists."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


@contextlib.asynccontextmanager
async def ended_after(processes: list[Process]) -> AsyncIterator[None]:
    """After the block, end all processes that are in the list by then."""
    try:
        yield
    finally:
        await end_all(processes)


async def run_quietly(*argv: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command, and return its stdout. Raises DemoFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env
        )
    except FileNotFoundError:
        raise DemoFailed(f"{argv[0]} is not installed; start the demo with: ./run demo") from None
    out, errors = await process.communicate()
    if process.returncode:
        raise DemoFailed(f"{' '.join(argv[:4])} failed: {errors.decode(errors='replace').strip()}")
    return out.decode()


def tail(log: Path, lines: int = 5) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
