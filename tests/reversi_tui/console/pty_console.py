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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

WITHIN_S = 150.0
NOT_OURS = (
    "COLORTERM",
    "NO_COLOR",
    "TMUX",
    "STY",
    "SSH_CONNECTION",
    "LC_ALL",
    "LC_CTYPE",
    "TEXTUAL_COLOR_SYSTEM",
    "TEXTUAL_FPS",
)
"""What the terminal that runs the tests may have set."""
TAKE_IT = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
IGNORE_IT = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
RUN = "import sys; from reversi_tui.__main__ import main; sys.exit(main(sys.argv[1:]))"


def own_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """A terminal of 256 colours with UTF-8, except for what is given."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(environ or {})}


class Terminal:
    """The other end of the console's terminal."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.master, self.process = master, process
        self.written = b""

    def take(self, seconds: float) -> bytes:
        """What comes before the given seconds of silence; empty for nothing."""
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

    def until(self, words: bytes, *, after: int = 0) -> None:
        """Wait until the words were written after the first `after` bytes."""
        deadline = time.monotonic() + WITHIN_S
        while self.written.find(words, after) < 0:
            assert time.monotonic() < deadline, (
                f"{words!r} not within {WITHIN_S} s in {self.written[-3000:]!r}"
            )
            self.take(0.05)

    def written_within(self, seconds: float, is_over: Callable[[], bool] = lambda: True) -> bytes:
        """What is written in so many seconds, and until it is over."""
        before, ends_at = len(self.written), time.monotonic() + seconds
        while time.monotonic() < ends_at or not is_over():
            self.take(0.05)
        return self.written[before:]

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

    def ended_and_spent(self) -> tuple[int, float]:
        """The exit status, waited for, and the seconds of processor time that it took from now
        on.
        """
        times = psutil.Process(self.process.pid).cpu_times()
        deadline = time.monotonic() + WITHIN_S
        while not (found := os.wait4(self.process.pid, os.WNOHANG))[0]:
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.02)
        self.process.returncode = os.waitstatus_to_exitcode(found[1])
        return (
            self.process.returncode,
            found[2].ru_utime + found[2].ru_stime - times.user - times.system,
        )


@contextmanager
def terminal(
    home: Path,
    *args: str,
    size: tuple[int, int] = (80, 24),
    environ: Mapping[str, str] | None = None,
    controlling: bool = True,
    hup_ignored: bool = False,
) -> Iterator[Terminal]:
    """A console on a pseudo-terminal. Where that is not `controlling`, no SIGHUP comes when it
    goes.
    """
    program = f"{TAKE_IT if controlling else ''}{IGNORE_IT if hup_ignored else ''}{RUN}"
    with on_terminal(
        [sys.executable, "-c", program, "--home", str(home), *args], size=size, environ=environ
    ) as opened:
        yield opened


@contextmanager
def on_terminal(
    words: Sequence[str],
    *,
    size: tuple[int, int] = (80, 24),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """Any program on a pseudo-terminal, in a session of its own; ended with the block."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        [*words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=own_environment(environ),
    )
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
