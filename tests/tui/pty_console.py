"""The console in a real pseudo-terminal, as a process of its own; what it writes is counted."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

WITHIN_S = 20.0


class Terminal:
    """The other end of the console's terminal."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master, self.process = master, process
        self.written = b""

    def take(self, seconds: float) -> bytes:
        """What comes within so many seconds of silence; empty for none."""
        taken = b""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                part = os.read(self.master, 1 << 16)
            except OSError:
                break
            if not part:
                break
            taken += part
        self.written += taken
        return taken

    def until(self, words: bytes) -> None:
        """Wait until the words were written."""
        deadline = time.monotonic() + WITHIN_S
        while words not in self.written:
            assert time.monotonic() < deadline, f"{words!r} not within {WITHIN_S} s in {self.written[-3000:]!r}"
            self.take(0.05)

    def settle(self, quiet_s: float = 0.7) -> None:
        """Wait until nothing more is written."""
        while self.take(quiet_s):
            pass

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def ended(self) -> int:
        """The exit status, waited for; negative for a signal."""
        return self.process.wait(WITHIN_S)


@contextmanager
def terminal(
    home: Path, *args: str, size: tuple[int, int] = (80, 24), environ: Mapping[str, str] | None = None, controlling: bool = True
) -> Iterator[Terminal]:
    """A console on a pseudo-terminal. Where that is not `controlling`, no SIGHUP comes when it goes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    take_it = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); " if controlling else ""
    program = f"import sys; {take_it}from reversi_tui.__main__ import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "--home", str(home), *args],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", **(environ or {})},
    )  # fmt: skip
    os.close(slave)
    opened = Terminal(master, process)
    try:
        yield opened
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WITHIN_S)
        if opened.master >= 0:
            with suppress(OSError):
                os.close(opened.master)
