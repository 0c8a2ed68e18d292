"""Programs that the console starts: each in a process group of its own, which ends with it, and
with the console however that ends.
"""

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
    """A program that runs, and the pipe that its whole group hangs on."""

    process: subprocess.Popen[bytes]
    pipe: int

    def pull(self) -> None:
        """Have the group end; a signal handler may call it."""
        with contextlib.suppress(OSError):
            os.write(self.pipe, b"t")

    def end(self) -> None:
        """See that nothing of the group is left, by force where it takes its time."""
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
    """The program, running until the end of the block at most; by default it has our own streams.
    Raises OSError.
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
    """Why the program can not be started; empty where it can."""
    if not argv or not argv[0]:
        return "there is no program to run"
    return (
        ""
        if shutil.which(argv[0])
        else f"there is no program {argv[0]!r}; install it, or write its whole path"
    )


def how_it_ended(argv: Sequence[str], status: int) -> str:
    """A sentence; a negative status is a signal's."""
    name = Path(argv[0]).name
    if status >= 0:
        return f"{name} ended with status {status}"
    try:
        return f"{name} was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"{name} was ended by signal {-status}"


def shown(argv: Sequence[str]) -> str:
    """The command as a shell would take it."""
    return shlex.join(argv)
