"""The file of what the alerts told, and a lock that only one process has."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from checker.alerts.memory import Memory, memory_from
from checker.config.files import make_folder
from checker.config.layout import Layout, is_there
from checker.config.toml_file import ConfigError, beginning
from checker.model import CheckerError, InvalidValue

log = logging.getLogger(__name__)
MOST_MEMORY = 64 << 20
SYSTEM_MEMORY = Path("/var/lib/reversi-alert/alerts.json")


class AlreadyRuns(CheckerError):
    """Two processes would tell everything twice."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"another process sends alerts already: it has locked {path}")


def memory_file(layout: Layout) -> Path:
    """Where the alerts of this gateway keep what they told."""
    return SYSTEM_MEMORY if layout.home is None else layout.home / "alerts.json"


def load_memory(path: Path) -> Memory:
    """Read it. If it is missing or broken, begin again: that tells once more what is down."""
    if not is_there(path):
        return Memory()
    try:
        content = beginning(path, MOST_MEMORY + 1)
        return memory_from(content.decode() if len(content) <= MOST_MEMORY else "")
    except (ConfigError, InvalidValue, UnicodeDecodeError) as error:
        log.warning("%s: %s; what is down is told once more", path, error)
        return Memory()


@contextlib.contextmanager
def only_one(memory: Path) -> Iterator[None]:
    """Hold a lock for the block. Raises AlreadyRuns, ConfigError."""
    make_folder(memory.parent)
    path = memory.with_name(f".{memory.name}.lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            path, f"cannot be written ({error.strerror}); run this as root"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise AlreadyRuns(path) from None
    finally:
        os.close(handle)
