"""Read a TOML file, and check its keys and values."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from checker.model import CheckerError, decoded
from checker.nearest import nearest


class ConfigError(CheckerError):
    """A file that the admin writes is missing, unreadable or invalid."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


MOST_BYTES = 1 << 20
"""Most bytes of a file that an admin writes; the largest node needs fewer."""
NOT_THERE = "there is no such file; check the name, and the directory that you are in"
TOO_LONG = re.compile(rb"\b0[xob][0-9a-fA-F_]{3500,}")
"""A number that Python reads, and then cannot print. Source: sys.set_int_max_str_digits."""


def toml_files(folder: Path) -> list[Path]:
    """Return the TOML files of a folder by name; none if there is no such folder yet. Raises
    ConfigError if it cannot be listed.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are sorted before they become paths
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            folder, f"cannot be listed ({error.strerror}); it must be a directory that we may read"
        ) from error
    return [
        folder / name
        for name in sorted(names)
        if name.endswith(".toml") and not name.startswith(".")
    ]


def refuse_unknown(path: Path, where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for an unknown key, and name the nearest known one."""
    known = tuple(known)
    for key in given:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near!r}?" if near else f"known are: {', '.join(known)}"
            raise ConfigError(path, f"{where}unknown key {key!r}; {hint}")


def beginning(path: Path, most: int) -> bytes:
    """Read the first `most` bytes of a regular file. Raises ConfigError, also for a pipe, where we
    would wait for a writer.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(path, "cannot be read: it is not a regular file; move it away")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(most)
        finally:
            os.close(handle)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(path, NOT_THERE) from error
    except OSError as error:
        raise ConfigError(
            path, f"cannot be read ({error.strerror}); check its permissions"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read the table of a TOML file. Raises ConfigError."""
    return table_in(path, beginning(path, MOST_BYTES + 1))


def table_in(path: Path, content: bytes) -> dict[str, Any]:
    """Parse the content of a TOML file; `path` is for the error. Raises ConfigError."""
    import tomllib

    if len(content) > MOST_BYTES:
        raise ConfigError(
            path, f"is larger than {MOST_BYTES >> 20} MiB, so it is not ours; move it away"
        )
    if TOO_LONG.search(content):
        raise ConfigError(path, "has a number that is too long; fix that line")
    try:
        return tomllib.loads(decoded(content))
    except UnicodeDecodeError as error:
        raise ConfigError(path, f"not UTF-8 text ({error.reason} at byte {error.start})") from error
    # tomllib raises both for a number that is too long and for deep nesting
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, f"not valid TOML ({error}); fix that line") from error


def number_in(path: Path, key: str, value: Any, lowest: float, highest: float) -> float:
    """Check that the value is a number within the bounds. Raises ConfigError."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not lowest <= value <= highest
    ):
        raise ConfigError(
            path, f"{key} must be a number from {lowest:g} to {highest:g}, not {value!r}"
        )
    return value


def whole_in(path: Path, key: str, value: Any, lowest: int, highest: int) -> int:
    """Check that the value is a whole number within the bounds. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(
            path, f"{key} must be a whole number from {lowest} to {highest}, not {value!r}"
        )
    return value


def text_in(path: Path, key: str, value: Any) -> str:
    """Check that the value is a text that is not empty. Raises ConfigError."""
    if not isinstance(value, str) or not value:
        raise ConfigError(path, f"{key} must be a text that is not empty, not {value!r}")
    return value


def flag_in(path: Path, key: str, value: Any) -> bool:
    """Check that the value is true or false. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(path, f"{key} must be true or false, not {value!r}")
    return value
