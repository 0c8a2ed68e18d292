"""The terminal, lent to a program on a real pseudo-terminal, comes back whole."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from reversi_tui.terminal.environment import HUNG_UP
from reversi_tui.terminal.lending import RESTORED, restored, run_on_terminal
from tests.reversi_tui.console.pty_console import WITHIN_S, Terminal
from tests.reversi_tui.console.small_app import Small

TAKE = (
    "import fcntl, os, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.tcsetpgrp(0,"
    " os.getpgrp()); "
)
RUN = "runpy.run_module('tests.reversi_tui.console.lending_app', run_name='__main__')"
ROOT = Path(__file__).parents[3]
WRECK = r"""
import fcntl, os, signal, sys, termios, tty
tty.setraw(0)
fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)
os.write(1, b"\x1b[?1049h\x1b[?1003h\x1b[?2004h\x1b[?25l\x1b[3;5r\x1b(0\x1b[31m pid=%d;\x1b]0;half a tit" % os.getpid())
os.set_blocking(0, True)
fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK)
signal.pause()
"""  # noqa: E501 - one line of what runs
WAITS = "import os, signal, time; print('pid=%d;' % os.getpid(), flush=True); time.sleep(60)"


@contextmanager
def lending(*argv: str, controlling: bool = True) -> Iterator[Terminal]:
    """The small console, ready to lend its terminal to this program."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    program = (TAKE if controlling else "import runpy; ") + RUN
    process = subprocess.Popen(
        [sys.executable, "-c", program, *argv],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
    )
    os.close(slave)
    opened = Terminal(master, process)
    try:
        opened.until(b"ready")
        yield opened
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WITHIN_S)
        if opened.master >= 0:
            with suppress(OSError):
                os.close(opened.master)


def lent_to(console: Terminal) -> psutil.Process:
    """The program, once it has the terminal."""
    console.press(b"s")
    console.until(b";")
    deadline = time.monotonic() + WITHIN_S
    while not (found := re.search(rb"pid=(\d+);", console.written)):
        assert time.monotonic() < deadline, console.written[-500:]
        console.take(0.05)
    return psutil.Process(int(found[1]))


def eventually(claim: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def modes(console: Terminal) -> list[object]:
    return [*termios.tcgetattr(console.master)]


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


def back(console: Terminal, sentence: bytes) -> bytes:
    """Wait until the console is painted again, with how the program ended; what it wrote since
    then.
    """
    console.until(b"press enter to go back")
    console.press(b"x\r")
    deadline = time.monotonic() + WITHIN_S
    while sentence not in (since := console.written.rpartition(b"press enter to go back")[2]):
        assert time.monotonic() < deadline, console.written[-2000:]
        console.take(0.05)
    return since


def test_a_program_that_is_killed_in_raw_mode_leaves_the_terminal_whole() -> None:
    with lending(*python(WRECK)) as console:
        in_console, flags = modes(console), flags_of(console)
        program = lent_to(console)
        eventually(lambda: modes(console) != in_console and flags_of(console) != flags, "raw mode")
        program.kill()
        since = back(console, b"was killed by SIGKILL")
        assert RESTORED in console.written
        assert b"keys:x" not in since, "the key that was for the pause reached the console"
        assert (modes(console), flags_of(console)) == (in_console, flags)
        console.press(b"z")
        console.until(b"keys:z")
        console.press(b"q")
        assert console.ended() == 0
        assert int(modes(console)[3]) & (termios.ICANON | termios.ECHO | termios.ISIG)  # type: ignore[call-overload]


def flags_of(console: Terminal) -> int:
    """The status flags of the console's stdin, as the kernel tells them."""
    text = Path(f"/proc/{console.process.pid}/fdinfo/0").read_text()
    return int(re.search(r"flags:\s*([0-7]+)", text)[1], 8)  # type: ignore[index]


def test_what_was_typed_for_the_program_presses_no_key_of_the_console() -> None:
    with lending(*python(WRECK)) as console:
        program = lent_to(console)
        console.press(b"kkkk\rq")
        program.kill()
        back(console, b"was killed by SIGKILL")
        console.press(b"z")
        console.until(b"keys:z")
        assert console.process.poll() is None


def test_what_is_still_on_its_way_when_the_program_ends_is_dropped_too() -> None:
    master, slave = pty.openpty()
    try:
        for _ in range(200):  # without it, every fourth or so is read
            with restored(slave):
                tty.setraw(slave)
                os.write(master, b"kkkk\rq")
            assert not select.select([slave], [], [], 0.002)[0]
            while select.select([master], [], [], 0)[0]:
                os.read(master, 1 << 16)
    finally:
        os.close(master)
        os.close(slave)


def test_a_program_that_ends_well_gives_the_terminal_back_at_once() -> None:
    with lending("sh", "-c", "echo pid=1; test -t 0 && echo has-a-terminal") as console:
        console.press(b"s")
        console.until(b"has-a-terminal")
        console.until(b"sh ended with exit status 0")
        assert b"press enter to go back" not in console.written


def test_ctrl_c_is_the_programs() -> None:
    with lending(*python(WAITS)) as console:
        program = lent_to(console)
        console.press(b"\x03")
        console.until(b"KeyboardInterrupt")
        back(console, b"SIGINT")
        assert gone(program)
        assert console.process.poll() is None


def test_a_program_that_stops_goes_on() -> None:
    told = (
        "signal.signal(signal.SIGCONT, lambda *_: print('goes on', flush=True)); print('pid=%d;' %"
        " os.getpid(), flush=True)"
    )
    with lending(
        *python(f"import os, signal; {told}; signal.pause(); input(); print('read', flush=True)")
    ) as console:
        lent_to(console)
        console.press(b"\x1a")
        console.until(b"goes on")
        console.press(b"\r")
        console.until(b"read")
        console.until(b"ended with exit status 0")


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGHUP, id="SIGHUP"), pytest.param(signal.SIGTERM, id="SIGTERM")]
)
def test_a_console_that_is_to_end_takes_the_program_along(number: signal.Signals) -> None:
    with lending(
        *python(f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {WAITS}")
    ) as console:
        program = lent_to(console)
        console.process.send_signal(number)
        assert console.ended() == 128 + number
        eventually(lambda: gone(program), "the program is ended")


def test_a_console_that_is_killed_takes_the_program_along() -> None:
    with lending(
        *python(f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); {WAITS}")
    ) as console:
        program = lent_to(console)
        console.process.kill()
        eventually(lambda: gone(program), "the program is ended")


@pytest.mark.parametrize(
    "controlling",
    [pytest.param(True, id="with a hang-up signal"), pytest.param(False, id="without any signal")],
)
def test_a_terminal_that_goes_takes_both_along(*, controlling: bool) -> None:
    script = (
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGHUP,"
        " signal.SIGTERM)]; "
    )
    with lending(*python(script + WAITS), controlling=controlling) as console:
        program = lent_to(console)
        console.hang_up()
        assert console.ended() in (HUNG_UP, -signal.SIGHUP, 1)
        eventually(lambda: gone(program), "what ignores signals is killed")


async def test_without_a_terminal_a_sentence_names_the_command() -> None:
    app = Small()

    async with app.run_test():
        assert (
            run_on_terminal(app, ["true", "a b"])
            == "this terminal cannot be handed over; elsewhere, run: true 'a b'"
        )
        assert "program 'no-such-program' not found" in run_on_terminal(app, ["no-such-program"])
