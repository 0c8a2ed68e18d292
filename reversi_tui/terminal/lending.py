"""Lends the terminal to another program, and restores it afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from textual.app import App, SuspendNotSupported

from checker.model import printable
from reversi_tui.terminal.process_group import Leash, how_it_ended, leashed, missing, shown

READ_IT_S = 4.0
"""After a failure the program's output stays visible for this long, or until enter is pressed."""
RESTORED = (
    b"\x18\x1b\\"  # end an unfinished sequence
    # no frame held back, no other screen, no margins
    b"\x1b[?2026l\x1b[?1047l\x1b7\x1b[r\x1b[?6l\x1b8"
    # no mouse
    b"\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    # no focus, paste or size reports; plain keys
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?1l\x1b>\x1b[<9u\x1b[>4;0m"
    b"\x1b[4l\x1b[?7h\x1b[?25h\x0f\x1b(B\x1b[m"  # overwrite, wrap, cursor, letters, no colour
)


def run_on_terminal(app: App[Any], argv: Sequence[str], remark: str = "") -> str:
    """Run it in place of the console, which comes back afterwards; return how it ended. The remark
    is shown above its output.

    It blocks the loop on purpose: nothing may paint meanwhile. Call it in the loop's thread.
    """
    trouble = missing(argv)
    if trouble:
        return printable(trouble, 400)
    try:
        with app.suspend():
            sentence = lend(argv, remark)
    except SuspendNotSupported:
        return printable(f"this terminal cannot be handed over; elsewhere, run: {shown(argv)}", 800)
    return sentence


def lend(argv: Sequence[str], remark: str = "") -> str:
    """Run the program in the foreground of our terminal until it ends; return how it ended."""
    terminal = sys.__stdin__.fileno() if sys.__stdin__ else 0
    say(f"$ {shown(argv)}")
    if remark:
        say(remark)
    try:
        with restored(terminal), leashed(argv) as leash, passed_on(leash) as signals:
            wait(leash, terminal)
    except (OSError, ValueError) as error:
        return printable(f"{argv[0]} could not be started: {error}", 400)
    sentence = printable(how_it_ended(argv, leash.process.returncode), 400)
    if leash.process.returncode and not signals:
        say(f"{sentence}; press enter to go back to the console")
        with contextlib.suppress(OSError):
            select.select([terminal], [], [], READ_IT_S)
    forget_typed(terminal)
    return sentence


def say(line: str) -> None:
    with contextlib.suppress(OSError):
        os.write(output_fd(), f"\r\n{printable(line, 1000)}\r\n".encode())


def output_fd() -> int:
    return sys.__stderr__.fileno() if sys.__stderr__ else 2


@contextlib.contextmanager
def restored(terminal: int) -> Iterator[None]:
    """Restore the terminal's modes and its foreground process group, and drop unread input.

    If the terminal is gone, do nothing: the watchdog ends the console.
    """
    modes = attempted(termios.tcgetattr, terminal)
    front = attempted(os.tcgetpgrp, terminal)
    flags = {number: fcntl.fcntl(number, fcntl.F_GETFL) for number in {terminal, output_fd()}}
    try:
        yield
    finally:
        if front is not None:
            bring_forward(terminal, front)
        for number, value in flags.items():  # ssh makes them non-blocking, and we share them
            attempted(fcntl.fcntl, number, fcntl.F_SETFL, value)
        attempted(termios.tcflow, terminal, termios.TCOON)
        attempted(os.write, output_fd(), RESTORED)
        if modes is not None:
            attempted(termios.tcsetattr, terminal, termios.TCSAFLUSH, modes)
        forget_typed(terminal)


def forget_typed(terminal: int) -> None:
    """Drop unread input. Linux's TCSAFLUSH leaves what is still in the driver's buffer
    (tty_buffer_flush).
    """
    attempted(termios.tcflush, terminal, termios.TCIFLUSH)


def attempted(call: Any, *arguments: Any) -> Any:
    """What the call returns; None if there is no terminal, or it is gone."""
    try:
        return call(*arguments)
    except (OSError, termios.error):
        return None


def bring_forward(terminal: int, group: int) -> None:
    """Make a process group the foreground one; in the background SIGTTOU would stop us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        attempted(os.tcsetpgrp, terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def passed_on(leash: Leash) -> Iterator[list[int]]:
    """Let SIGHUP and SIGTERM end the program; the list has the signals that came. The loop handles
    them again when it runs, and ends the console.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        came.append(number)
        leash.pull()

    before = {number: signal.signal(number, end) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def wait(leash: Leash, terminal: int) -> None:
    """Wait until the program ends. If it stops, continue it: there is no shell to do that later."""
    number = leash.process.pid
    bring_forward(terminal, number)
    while True:
        seen = os.waitid(os.P_PID, number, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if seen is None or seen.si_code not in (os.CLD_STOPPED, os.CLD_TRAPPED):
            leash.process.wait()
            return
        os.waitid(os.P_PID, number, os.WSTOPPED | os.WNOHANG)
        bring_forward(terminal, number)
        time.sleep(0.1)
        os.killpg(number, signal.SIGCONT)
