"""Starts programs in process groups of their own, which end with the program or the console."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reversi_tui.terminal.leashed import GRACE_S

LEASHED = Path(__file__).with_name("leashed.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leash:
    """A running program, and the pipe through which its process group is ended."""

    process: subprocess.Popen[bytes]
    pipe: int

    def pull(self) -> None:
        """Terminate the group; a signal handler may call it."""
        with contextlib.suppress(OSError):
            os.write(self.pipe, b"t")

    def end(self) -> None:
        """Terminate the group, and kill it if it takes too long."""
        if self.process.poll() is None:
            self.pull()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE_S)
        with contextlib.suppress(OSError):
            os.write(self.pipe, b"k")
        self.process.wait()


@contextlib.contextmanager
def leashed(
    argv: Sequence[str], *, output: int | IO[bytes] | None = None, no_input: bool = False
) -> Iterator[Leash]:
    """Start the program, and end it with the block; by default it uses our own streams. Raises
    OSError.
    """
    held, pipe = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASHED), str(held), *argv],
            stdin=subprocess.DEVNULL if no_input else None,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            pass_fds=(held,),
            process_group=0,
        )
        leash = Leash(process=process, pipe=pipe)
        try:
            yield leash
        finally:
            leash.end()
            if process.stdout:
                process.stdout.close()
    finally:
        os.close(held)
        os.close(pipe)


def missing(argv: Sequence[str]) -> str:
    """Why the program cannot be started; empty if it can."""
    if not argv or not argv[0]:
        return "there is no program to run"
    return (
        ""
        if shutil.which(argv[0])
        else f"program {argv[0]!r} not found; install it, or write its full path"
    )


def how_it_ended(argv: Sequence[str], status: int) -> str:
    """How it ended, as a sentence; a negative status is a signal."""
    name = Path(argv[0]).name
    if status >= 0:
        return f"{name} ended with exit status {status}"
    try:
        return f"{name} was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"{name} was killed by signal {-status}"


def shown(argv: Sequence[str]) -> str:
    """The command, quoted for a shell."""
    return shlex.join(argv)
