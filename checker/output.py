"""Text for people: print it, align it, and say an error in a sentence."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from checker.model import CheckerError, Event, printable

BAR_WIDTH = 24
BAR_STEPS = 200
"""Most frames of a bar: more cost time on a slow terminal."""
MOST_OF_A_LINE = 4000
"""Characters of a line with letters that must be escaped."""
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


def bar(done: int, total: int, name: str, columns: int = 80) -> str:
    """Return one frame of a progress bar, for a terminal of so many columns."""
    filled = BAR_WIDTH * done // total
    shown = f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {done}/{total} {name}"
    return f"\r{shown[: columns - 1]}\x1b[K"


def draw_bar(out: TextIO, done: int, total: int, name: str) -> None:
    """Draw the bar if `out` is a terminal."""
    if out.isatty():
        out.write(bar(done, total, name, columns_of(out)))
        out.flush()


def columns_of(out: TextIO) -> int:
    """The width of the terminal; 80 if it says none."""
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except OSError:
        return 80


@contextlib.contextmanager
def progress_bar(out: TextIO, total: int) -> Iterator[Callable[[str], None]]:
    """Give the block a function to call for each of `total` items that is done, with its name. It
    draws the bar if `out` is a terminal, and ends its line when the block ends.
    """
    done = 0

    def step(name: str) -> None:
        nonlocal done
        done += 1
        if BAR_STEPS * done // total != BAR_STEPS * (done - 1) // total:
            draw_bar(out, done, total, name)

    try:
        yield step
    finally:
        if done and out.isatty():
            out.write("\n")
            out.flush()


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


def event_line(event: Event, gateway: str = "") -> str:
    """One line of the event log; in a fleet, with the gateway that it is from."""
    where = f"{event.node}{f':{event.port}' if event.port else ''}" if event.node else "-"
    at = f"{clock(event.at)}  {gateway:<8}" if gateway else clock(event.at)
    line = f"{at}  {event.kind:<11}  {where:<20}  {event.actor}: {event.text}"
    return line if line.isascii() and line.isprintable() else printable(line, MOST_OF_A_LINE)


def would_lines(plan: Iterable[str]) -> tuple[str, ...]:
    """The lines of a plan as a dry run prints them; each begins with a verb."""
    return tuple(f"would {line}" for line in plan)
