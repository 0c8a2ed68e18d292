"""Runs an operator's own commands, without a shell and without input, and escapes their output."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from checker.model import printable
from reversi_tui.terminal.process_group import Leash, how_it_ended, leashed, missing

WITHIN_S = 60.0
KEPT_BYTES = 64 * 1024
LINE_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and its output."""

    status: int | None
    """Its exit status, negative for a signal; None: it did not start, took too long or was stopped.
    """
    sentence: str
    output: str = ""
    """Standard output and error, escaped; lines stay lines."""


class Stop:
    """Ends each program that was started with it, and each that starts later."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.is_pulled = False

    def pull(self) -> None:
        self.is_pulled = True
        os.eventfd_write(self.fd, 1)  # nobody reads it, so it stays ready for all

    def close(self) -> None:
        """Only when no program runs any more."""
        os.close(self.fd)


class Ending(Enum):
    """Why we no longer listen to a program."""

    EXITED = auto()
    LATE = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a program wrote until we stopped listening."""

    kept: bytes
    total: int
    ending: Ending


def run(
    argv: Sequence[str],
    *,
    within_s: float = WITHIN_S,
    kept_bytes: int = KEPT_BYTES,
    stop: Stop | None = None,
) -> Ran:
    """Run it until it exits, the time is up or it is stopped; then its whole process group is gone.

    It blocks: call it in a thread.
    """
    trouble = missing(argv)
    if trouble:
        return Ran(status=None, sentence=printable(trouble, 400))
    try:
        with leashed(argv, output=subprocess.PIPE, no_input=True) as leash:
            heard = listen(leash, time.monotonic() + within_s, kept_bytes, stop)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        return Ran(status=None, sentence=printable(f"{argv[0]} could not be started: {error}", 400))
    status = leash.process.returncode
    match heard.ending:
        case Ending.EXITED:
            sentence = how_it_ended(argv, status)
        case Ending.LATE:
            sentence = f"{argv[0]} took longer than {within_s:g} s and was killed"
        case Ending.STOPPED:
            sentence = f"{argv[0]} was stopped"
    more = (
        f"; the first {kept_bytes} of {heard.total} bytes are shown"
        if heard.total > kept_bytes
        else ""
    )
    return Ran(
        status=status if heard.ending is Ending.EXITED else None,
        sentence=printable(sentence + more, 400),
        output=escaped(heard.kept),
    )


def listen(leash: Leash, until: float, kept_bytes: int, stop: Stop | None) -> Heard:
    """Listen to the program until it exits, the time is up or it is stopped."""
    kept, total, ending = bytearray(), 0, Ending.LATE
    stream = leash.process.stdout
    assert stream is not None
    source, ended = stream.fileno(), os.pidfd_open(leash.process.pid)
    watched = [source, ended, *([stop.fd] if stop else [])]
    try:
        while (left_s := until - time.monotonic()) > 0:
            ready, _, _ = select.select(watched, [], [], left_s)
            if stop and stop.fd in ready:
                ending = Ending.STOPPED
                break
            if source in ready:
                part = os.read(source, 65536)
                total += len(part)
                kept += part[: kept_bytes - len(kept)]
                if not part:  # it closed its streams, and may go on
                    watched.remove(source)
            elif ended in ready:
                ending = Ending.EXITED
                break
    finally:
        os.close(ended)
    return Heard(kept=bytes(kept), total=total, ending=ending)


def escaped(output: bytes) -> str:
    """Text without power over a terminal: tabs become blanks, lines stay lines, other control
    characters are escaped.
    """
    text = output.decode("utf-8", "backslashreplace")
    lines = (line.removesuffix("\r").expandtabs(8) for line in text.split("\n"))
    return "\n".join(printable(line, LINE_CHARACTERS) for line in lines).rstrip("\n")
