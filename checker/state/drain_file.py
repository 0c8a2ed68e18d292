"""The file that says that this gateway drains: read by all, written by the daemon.

It outlives the daemon and the machine's boot: a drain lasts until `undrain`. If the file cannot be
read, the gateway does not drain: a device too many is better than one that is sent away.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import is_there
from checker.config.toml_file import ConfigError, beginning
from checker.model import CheckerError
from checker.model.drain import Drain, drain_in, drain_text

MOST_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDrain:
    """What the file says."""

    drain: Drain | None = None
    """None: the gateway does not drain."""
    trouble: str = ""
    """Why the file does not count, as a sentence; empty if it does, or is missing."""


def read_drain(path: Path) -> FoundDrain:
    """Read the file; it raises nothing."""
    if not is_there(path):
        return FoundDrain()
    try:
        return FoundDrain(drain=drain_in(beginning(path, MOST_BYTES).decode()))
    except ConfigError as error:
        return FoundDrain(trouble=f"this gateway does not drain: {error}")
    except (CheckerError, UnicodeDecodeError) as error:
        return FoundDrain(
            trouble=f"this gateway does not drain: {path} is {error}; run: reversi-checker undrain"
        )


def write_drain(path: Path, drain: Drain | None) -> None:
    """Write the file; None: remove it. Raises ConfigError."""
    if drain is not None:
        write_atomically(path, drain_text(drain).encode(), mode=0o644)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(path, f"cannot be removed ({error.strerror})") from error
