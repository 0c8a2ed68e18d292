"""The generation of the registry: each edit of ours changes it, and a look at it is one `stat`.

It is the modification time of the lock, which each of our edits holds. Whoever edits a file by hand
does not change it, nor does an earlier release (see `checker.registry.looks`).
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

Generation = tuple[int, int, int]
"""Device, inode and modification time of the lock."""


def lock_path(folder: Path) -> Path:
    return folder / ".lock"


def bump(handle: int) -> None:
    """Begin another generation; `handle` is of the lock. It also differs if the clock was set
    back, or stood still.
    """
    with contextlib.suppress(OSError):  # then the change is noticed as one by hand is
        before, now_ns = os.fstat(handle).st_mtime_ns, time.time_ns()
        os.utime(handle, ns=(now_ns, max(now_ns, before + 1)))


def generation(folder: Path) -> Generation | None:
    """Return the registry's generation; None if nobody has changed it yet."""
    try:
        found = lock_path(folder).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns
