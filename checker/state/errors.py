"""Why the state file cannot be used, and SQLite's errors as these."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checker.model import CheckerError


class StateError(CheckerError):
    """The state file cannot be used."""


class StateCorrupt(StateError):
    """The file is not the database that we wrote."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the state file {path} is damaged ({why}); the daemon moves it aside when it starts:"
            " reversi-checker serve"
        )


class StateMissing(StateError):
    """There is no state file yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no state file {path} yet; start reversi-checker serve or up")


class StateUnavailable(StateError):
    """Busy, read-only, or its disk is full."""

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        usual = f"check the disk's free space and the permissions of {path.parent}"
        super().__init__(f"the state file {path} cannot be used ({why}); {advice or usual}")


class StateNewer(StateUnavailable):
    """A newer release wrote it, and knows more tables than we do."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            path,
            f"it was written by a newer reversi: schema {version}, this one knows {known}",
            "install that release again, or move the file away: that loses its history, but no"
            " tunnel",
        )
        self.version, self.known = version, known


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise StateUnavailable or StateCorrupt for what SQLite raises in the block."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StateUnavailable(path, str(error)) from error
    except sqlite3.IntegrityError:
        raise  # a value that we should not have written: our bug, not the file's
    except sqlite3.DatabaseError as error:
        raise StateCorrupt(path, str(error)) from error
