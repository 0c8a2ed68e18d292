"""The terminal, lent to another program and taken back whole, whatever that left behind."""

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
"""A program that failed leaves its last words in sight for this long, or until enter is pressed."""
MENDED = (
    b"\x18\x1b\\"  # out of a sequence that was cut off
    # no frame held back, no other screen, no margins
    b"\x1b[?2026l\x1b[?1047l\x1b7\x1b[r\x1b[?6l\x1b8"
    # no mouse
    b"\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    # no focus, paste or size reports; plain keys
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?1l\x1b>\x1b[<9u\x1b[>4;0m"
    b"\x1b[4l\x1b[?7h\x1b[?25h\x0f\x1b(B\x1b[m"  # overwrite, wrap, cursor, letters, no colour
)


def run_on_terminal(app: App[Any], argv: Sequence[str]) -> str:
    """Run it in place of the console, which comes back afterwards; how it ended, as a sentence.

    It blocks the loop on purpose: nothing may paint meanwhile. Call it where the loop runs.
    """
    trouble = missing(argv)
    if trouble:
        return printable(trouble, 400)
    try:
        with app.suspend():
            sentence = lend(argv)
    except SuspendNotSupported:
        return printable(
            f"this terminal can not be handed over; elsewhere, run: {shown(argv)}", 800
        )
    return sentence


def lend(argv: Sequence[str]) -> str:
    """The program in the foreground of our terminal, until it ends; how it did."""
    terminal = sys.__stdin__.fileno() if sys.__stdin__ else 0
    say(f"$ {shown(argv)}")
    try:
        with kept(terminal), leashed(argv) as leash, passed_on(leash) as told_to_end:
            wait(leash, terminal)
    except (OSError, ValueError) as error:
        return printable(f"{argv[0]} could not be started: {error}", 400)
    sentence = printable(how_it_ended(argv, leash.process.returncode), 400)
    if leash.process.returncode and not told_to_end:
        say(f"{sentence}; enter goes back to the console")
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
def kept(terminal: int) -> Iterator[None]:
    """The terminal's modes, and who is in its foreground, afterwards as before; what was typed for
    the other program is dropped.

    A terminal that is gone is left as it is: the watchdog ends the console.
    """
    modes = attempted(termios.tcgetattr, terminal)
    front = attempted(os.tcgetpgrp, terminal)
    flags = {number: fcntl.fcntl(number, fcntl.F_GETFL) for number in {terminal, output_fd()}}
    try:
        yield
    finally:
        if front is not None:
            bring_forward(terminal, front)
        for number, value in flags.items():  # ssh makes them non-blocking, and they are ours too
            attempted(fcntl.fcntl, number, fcntl.F_SETFL, value)
        attempted(termios.tcflow, terminal, termios.TCOON)
        attempted(os.write, output_fd(), MENDED)
        if modes is not None:
            attempted(termios.tcsetattr, terminal, termios.TCSAFLUSH, modes)
        forget_typed(terminal)


def forget_typed(terminal: int) -> None:
    """Drop what was typed and not read. Linux's TCSAFLUSH leaves what is still on its way from the
    other end (tty_buffer_flush).
    """
    attempted(termios.tcflush, terminal, termios.TCIFLUSH)


def attempted(call: Any, *arguments: Any) -> Any:
    """What the call returns; None where the terminal is none, or is gone."""
    try:
        return call(*arguments)
    except (OSError, termios.error):
        return None


def bring_forward(terminal: int, group: int) -> None:
    """Give the terminal to a process group; asked from the background this would stop us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        attempted(os.tcsetpgrp, terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def passed_on(leash: Leash) -> Iterator[list[int]]:
    """A hang-up or SIGTERM of ours ends the program; the loop hears of it as soon as it runs again,
    and then ends the console.

    The signals that came are in the list.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as Python calls it
        came.append(number)
        leash.pull()

    before = {number: signal.signal(number, end) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def wait(leash: Leash, terminal: int) -> None:
    """Until the program ends. One that stops is told to go on: there is no shell here that could do
    it later.
    """
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
