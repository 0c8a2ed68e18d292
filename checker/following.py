"""What follows from the registry: the key file, for a daemon that may not write it as root's `node`
commands do, and the copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator

from checker.config import ConfigError, Layout
from checker.last_good import record_path
from checker.last_good import write as write_record
from checker.registry import Cache, gate_command, keys_as_wanted, locked, read_registry, write_keys
from checker.registry_copy import copy_path, is_settled, signs, write_copy

log = logging.getLogger(__name__)


class KeysLag(ConfigError):
    """The key file does not say what the registry says, and is not ours to write."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            layout.authorized_keys,
            "does not follow the registry, which was edited by hand; run: sudo reversi-checker"
            " init",
        )


def is_ours(layout: Layout) -> bool:
    """Whether this process may change the registry; on an installed gateway its daemon may not."""
    return os.access(layout.nodes, os.W_OK, effective_ids=True)


@contextlib.contextmanager
def undisturbed(layout: Layout) -> Iterator[None]:
    """Nobody changes the registry during the block; without the lock's file nobody has changed it
    yet.
    """
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


def key_sign(layout: Layout) -> tuple[int, int, int] | None:
    """What changes when the key file does; None where there is none."""
    try:
        found = layout.authorized_keys.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def follow_registry(layout: Layout) -> None:
    """Write the key file where it is ours to write. Raises ConfigError; KeysLag where it is not,
    and should be written.
    """
    if is_ours(layout):
        with locked(layout):
            write_keys(layout, gate_command(layout))
    elif keys_lag(layout):
        raise KeysLag(layout)


def renew_copy(layout: Layout, cache: Cache, now_ns: int) -> bool:
    """Bring copy and record in line with the registry; False where a file changed just before
    `now_ns`: try again.

    Raises OSError, ConfigError.

    A registry with a file that can not be read has no copy: each reader is to be told by the file
    itself.
    """
    read, public = signs(layout.nodes)
    if not all(is_settled(changed_ns, now_ns) for _, _, changed_ns, _ in read):
        return False
    registry = read_registry(layout.nodes, cache)
    if registry.problems:
        copy_path(layout).unlink(missing_ok=True)
    else:
        write_copy(layout, registry.nodes, read, public=public)
    try:
        write_record(layout, registry, read, public=public)
    except OSError as error:  # it describes broken nodes, and may be missing
        log.warning(
            "%s can not be written (%s); check free space and permissions there",
            record_path(layout),
            error.strerror,
        )
    return True
