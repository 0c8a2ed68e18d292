"""The key file and the registry that it follows, for a daemon that may not write either: root's `node` commands do."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from checker.config import ConfigError, Layout
from checker.registry import gate_command, keys_as_wanted, locked, write_keys


class KeysLag(ConfigError):
    """The key file does not say what the registry says, and is not ours to write."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout.authorized_keys, "does not follow the registry, which was edited by hand; run: sudo reversi-checker init")


def is_ours(layout: Layout) -> bool:
    """Whether this process may change the registry; on an installed gateway its daemon may not."""
    return os.access(layout.nodes, os.W_OK, effective_ids=True)


@contextlib.contextmanager
def undisturbed(layout: Layout) -> Iterator[None]:
    """Nobody changes the registry during the block; without the lock's file nobody has changed it yet."""
    try:
        handle = os.open(layout.nodes / ".lock", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def keys_lag(layout: Layout) -> bool:
    """Whether the key file must be written again. Raises ConfigError."""
    with undisturbed(layout):
        present, wanted = keys_as_wanted(layout, gate_command(layout))
    return present != wanted


def follow_registry(layout: Layout) -> None:
    """Write the key file where it is ours to write. Raises ConfigError; KeysLag where it is not, and should be written."""
    if is_ours(layout):
        with locked(layout):
            write_keys(layout, gate_command(layout))
    elif keys_lag(layout):
        raise KeysLag(layout)
