"""Write to standard error as systemd's journal wants it: a priority on each line, no time.

Source: sd-daemon(3) for `<N>`, systemd.exec(5) for JOURNAL_STREAM.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType

PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
DEBUG_PRIORITY = 7


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether the journal reads what is written to this descriptor.

    A child inherits JOURNAL_STREAM, but its output may go elsewhere: so compare device and inode.
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def prefixed(text: str, level: int) -> str:
    """Each line of the text with the priority of this level of `logging` before it."""
    priority = next((number for least, number in PRIORITIES if level >= least), DEBUG_PRIORITY)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


class JournalFormatter(logging.Formatter):
    """A record with a priority on each of its lines, those of a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        return prefixed(super().format(record), record.levelno)


def start_logging(level: int, line: str = "%(asctime)s %(levelname)s %(message)s") -> None:
    """Log to standard error: in this form, or for the journal only priority and message."""
    handler = logging.StreamHandler(sys.stderr)
    if is_journal(2, os.environ):
        handler.setFormatter(JournalFormatter("%(message)s"))
        sys.excepthook = write_uncaught
    else:
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler])


def write(text: str, level: int) -> None:
    """Write lines to standard error, with a priority if the journal reads them."""
    print(prefixed(text, level) if is_journal(2, os.environ) else text, file=sys.stderr)


def write_uncaught(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    """What the interpreter calls for an exception that nobody caught."""
    write("".join(traceback.format_exception(kind, error, frames)).rstrip(), logging.CRITICAL)
