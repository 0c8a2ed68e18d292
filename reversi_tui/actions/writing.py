"""Writes what the table shows into a new file that only its owner can read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from checker.model import CheckerError, printable
from reversi_tui.rows import written
from reversi_tui.rows.drawn import svg
from reversi_tui.rows.palette import Palette
from reversi_tui.rows.written import Shown

FORMATS = {
    "csv": "csv   for a spreadsheet",
    "json": "json  for a program",
    "md": "md    Markdown, for a ticket or a page",
    "svg": "svg   a picture",
}
"""Each format, and its line in the list."""


class NotWritten(CheckerError):
    """A file that was not written."""


def text_in(kind: str, shown: Shown, palette: Palette) -> str:
    """What is shown, in this format."""
    makers: dict[str, Callable[[], str]] = {
        "csv": lambda: written.csv_text(shown),
        "json": lambda: f"{written.document(shown)}\n",
        "md": lambda: written.markdown(shown),
        "svg": lambda: svg(shown, palette),
    }
    return makers[kind]()


def name_for(kind: str, now: float) -> str:
    """The name that is proposed."""
    return time.strftime(f"reversi-%Y%m%d-%H%M%S.{kind}", time.localtime(now))


def write_new(text: str, content: str) -> Path:
    """Write a file that does not exist yet, and return its full path. It blocks. Raises
    NotWritten.
    """
    if not text.isprintable() or text.endswith("/"):
        raise NotWritten(f"not written: {printable(text, 80)!r} is not a file name")
    try:
        path = Path(text).expanduser().absolute()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, 0o600)
    except FileExistsError:
        raise NotWritten(f"not written: {text} exists, and is left as it is") from None
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise NotWritten(f"not written: {text} cannot be made ({why})") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode())
            file.flush()
            os.fsync(handle)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise NotWritten(f"not written: {path} ({error.strerror})") from error
    return path
