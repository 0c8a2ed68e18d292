"""Stand-ins for sshd's sessions: shells with the name and title of one that hold a listener."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from checker.linux.processes import read_process
from checker.model import ProcessId


def identity(pid: int) -> ProcessId:
    """The process that has this number now."""
    found = read_process(pid)
    assert found is not None
    return found.id


def inodes_of(listener: socket.socket) -> frozenset[int]:
    """The listener as the kernel numbers it."""
    return frozenset({os.fstat(listener.fileno()).st_ino})


@contextmanager
def listening(port: int = 0) -> Iterator[socket.socket]:
    """A listener on the loopback."""
    with closing(socket.create_server(("127.0.0.1", port))) as listener:
        yield listener


@contextmanager
def session(
    folder: Path,
    listener: socket.socket,
    script: str = "true",
    others: Sequence[socket.socket] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that looks like a session, holds the listeners, and has run the script."""
    held = [one.fileno() for one in (listener, *others)]
    program = folder / "sshd"
    if not program.exists():
        shutil.copy("/bin/sh", program)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["sshd: reversi"], executable=program, pass_fds=held, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(f"{script}\necho\n".encode())
        process.stdin.flush()
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
