"""Read a TOML file, and check its keys and values."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from checker.model import CheckerError


class ConfigError(CheckerError):
    """A file that the admin wrote, or should have written, is not as it must be."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


MOST_BYTES = 1 << 20
"""Of a file that an admin writes: the largest node has fewer."""


def refuse_unknown(path: Path, where: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises ConfigError for a key that is not known, naming the nearest that is."""
    known = tuple(known)
    for key in given:
        if key not in known:
            near = nearest(key, known)
            hint = f"did you mean {near!r}?" if near else f"known are: {', '.join(known)}"
            raise ConfigError(path, f"{where}unknown key {key!r}; {hint}")


def nearest(key: str, known: Iterable[str]) -> str:
    """The known key that is most like this one; empty if none is."""
    import difflib

    return next(iter(difflib.get_close_matches(key, tuple(known), n=1)), "")


def beginning(path: Path, most: int) -> bytes:
    """What a regular file begins with. Raises ConfigError, also for a pipe, which would have us
    wait for a writer.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(path, "can not be read: it is no regular file; move it away")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(most)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(
            path, f"can not be read ({error.strerror}); check its permissions"
        ) from error


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's table. Raises ConfigError."""
    import tomllib

    content = beginning(path, MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ConfigError(
            path, f"is larger than {MOST_BYTES >> 20} MiB, and so not ours; move it away"
        )
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(path, f"not UTF-8 text ({error.reason} at byte {error.start})") from error
    # tomllib lets both through, for a number or a nesting that is too long
    except (ValueError, RecursionError) as error:
        raise ConfigError(path, f"not valid TOML ({error}); mend that line") from error


def number_in(path: Path, key: str, value: Any, lowest: float, highest: float) -> float:
    """A number within its bounds. Raises ConfigError."""
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
    """A whole number within its bounds. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(
            path, f"{key} must be a whole number from {lowest} to {highest}, not {value!r}"
        )
    return value


def text_in(path: Path, key: str, value: Any) -> str:
    """A text that is not empty. Raises ConfigError."""
    if not isinstance(value, str) or not value:
        raise ConfigError(path, f"{key} must be a text that is not empty, not {value!r}")
    return value


def flag_in(path: Path, key: str, value: Any) -> bool:
    """A truth value, bare. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(path, f"{key} must be true or false, not {value!r}")
    return value
