"""The file of the letters that this gateway has carried out, beside the state file.

If it cannot be read, no letter counts that was written before now: each might have been carried
out already.
"""

from __future__ import annotations

from pathlib import Path

from checker.config.files import write_secret
from checker.config.layout import Layout, is_there
from checker.config.toml_file import ConfigError, beginning
from checker.model import CheckerError
from checker.model.letter_book import MOST_KEPT, WINDOW_S, Book, book_in, book_text

MOST_BYTES = MOST_KEPT << 14


def letters_path(layout: Layout) -> Path:
    return layout.state.with_name("letters.json")


def read_book(path: Path, now: float) -> Book:
    """Read the file; it raises nothing."""
    if not is_there(path):
        return Book()
    try:
        return book_in(beginning(path, MOST_BYTES).decode())
    except (ConfigError, CheckerError, UnicodeDecodeError):
        return Book(forgotten_to=int(now) + WINDOW_S)


def write_book(path: Path, book: Book) -> None:
    """Write the file, so that it outlives a loss of power. Raises ConfigError."""
    write_secret(path, book_text(book).encode())
