"""Notice that another state file took the place of the one that is open."""

from __future__ import annotations

from pathlib import Path

from checker.state.errors import StateMissing, StateUnavailable


def file_identity(path: Path) -> tuple[int, int, bool]:
    """Changes when another file takes its place, or when a writer opens a file that we read as
    immutable. Raises StateError.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        raise StateMissing(path) from None
    except OSError as error:
        raise StateUnavailable(path, str(error.strerror)) from error
    return found.st_dev, found.st_ino, path.with_name(f"{path.name}-wal").exists()
