"""Runs an operator's own commands, without a shell and without input, and escapes their output."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from checker.model import printable
from reversi_tui.terminal.process_group import Leash, how_it_ended, leashed, missing

WITHIN_S = 60.0
KEPT_BYTES = 64 * 1024
LINE_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and its output."""

    status: int | None
    """Its exit status, negative for a signal; None: it did not start, or took too long."""
    sentence: str
    output: str = ""
    """Standard output and error, escaped; lines stay lines."""


def run(argv: Sequence[str], *, within_s: float = WITHIN_S, kept_bytes: int = KEPT_BYTES) -> Ran:
    """Run it until it exits or the time is up; then its whole process group is gone.

    It blocks: call it in a thread.
    """
    trouble = missing(argv)
    if trouble:
        return Ran(status=None, sentence=printable(trouble, 400))
    try:
        with leashed(argv, output=subprocess.PIPE, no_input=True) as leash:
            heard, total, in_time = listen(leash, time.monotonic() + within_s, kept_bytes)
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        return Ran(status=None, sentence=printable(f"{argv[0]} could not be started: {error}", 400))
    status = leash.process.returncode
    sentence = (
        how_it_ended(argv, status)
        if in_time
        else f"{argv[0]} took longer than {within_s:g} s and was killed"
    )
    more = f"; the first {kept_bytes} of {total} bytes are shown" if total > kept_bytes else ""
    return Ran(
        status=status if in_time else None,
        sentence=printable(sentence + more, 400),
        output=escaped(heard),
    )


def listen(leash: Leash, until: float, kept_bytes: int) -> tuple[bytes, int, bool]:
    """The first bytes of its output, how many there were, and whether the program ended in time."""
    stream = leash.process.stdout
    if stream is None:
        return b"", 0, True
    heard, total = bytearray(), 0
    source, ended = stream.fileno(), os.pidfd_open(leash.process.pid)
    try:
        while (left_s := until - time.monotonic()) > 0:
            ready, _, _ = select.select([source, ended], [], [], left_s)
            if source in ready and (part := os.read(source, 65536)):
                total += len(part)
                heard += part[: kept_bytes - len(heard)]
            elif ended in ready:
                return bytes(heard), total, True
            elif ready:  # it closed its streams, and goes on
                select.select([ended], [], [], left_s)
    finally:
        os.close(ended)
    return bytes(heard), total, False


def escaped(output: bytes) -> str:
    """Text without power over a terminal: tabs become blanks, lines stay lines, other control
    characters are escaped.
    """
    text = output.decode("utf-8", "backslashreplace")
    lines = (line.removesuffix("\r").expandtabs(8) for line in text.split("\n"))
    return "\n".join(printable(line, LINE_CHARACTERS) for line in lines).rstrip("\n")
