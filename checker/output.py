"""Text for people: print it, align it, and say an error in a sentence."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from checker.model import CheckerError

UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"))


class NotPrinted(CheckerError):
    """Standard output did not take everything."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot write to standard output: {reason}")


def say(text: str, *, end: str = "\n") -> None:
    """Print it, with escapes for what the output's encoding does not have. Raises NotPrinted,
    BrokenPipeError.
    """
    try:
        try:
            print(text, end=end, flush=True)
        except UnicodeEncodeError as error:
            shown = text.encode(error.encoding, "backslashreplace").decode(error.encoding)
            print(shown, end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # else the interpreter tries once more when it ends
        raise NotPrinted(str(error.strerror)) from error


def sentence_of(error: Exception) -> str:
    """What to print for an error; a file that cannot be used, or a slow program, is not our bug."""
    from subprocess import TimeoutExpired  # slow to load; only an error pays for it

    match error:
        case CheckerError():
            return str(error)
        case OSError() if error.filename is not None:
            return (
                f"cannot use {error.filename} ({error.strerror}); check its permissions and the"
                " disk's free space"
            )
        case TimeoutExpired():
            program = error.cmd if isinstance(error.cmd, str) else error.cmd[0]
            return (
                f"{program} did not end within {error.timeout:g} s; this machine is overloaded, or"
                " waits for a disk: try again"
            )
        case _:
            return (
                f"a bug in reversi: {error!r}; run it again with --debug and report what it prints"
            )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Align the columns, with two spaces in between and no blanks at the end of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def age(at: float | None, now: float) -> str:
    """How long ago, in one unit; `-` if unknown."""
    if at is None:
        return "-"
    passed = max(0.0, now - at)
    size, letter = next((unit for unit in UNITS if passed >= unit[0]), UNITS[-1])
    return f"{int(passed // size)}{letter}"


def clock(at: float) -> str:
    """Local date and time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def day(at: float) -> str:
    """Local day, YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.localtime(at))


def today() -> str:
    """Today by this machine's clock, YYYY-MM-DD; sshd compares expiry-time with it."""
    return time.strftime("%Y-%m-%d")
