"""Notice that files changed, by one `stat` each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from checker.registry.waiting import SUFFIX

SETTLED_NS = 1_000_000_000
"""A file that changed more recently may change again without a visible difference: file times are
coarse.
"""
TO_ALL = 0o005
"""Mode bits of a folder that everyone may list and enter."""
Signs = list[list[Any]]
"""For each file of the registry: its name, inode, ctime in nanoseconds, and size."""


def stamp(folder: Path) -> tuple[tuple[Any, ...], ...]:
    """Return what changes when any file of the registry does: names, inodes, times and sizes; empty
    if the folder cannot be listed.
    """
    try:
        return tuple(map(tuple, signs(folder)[0]))
    except OSError:
        return ()


def signs(folder: Path) -> tuple[Signs, bool]:
    """Return what changes when any file of the registry does, and whether everyone may read all of
    them. Raises OSError.
    """
    found: Signs = []
    public = all(place.stat().st_mode & TO_ALL == TO_ALL for place in (folder, folder.parent))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".toml", SUFFIX)) and not entry.name.startswith("."):
                stat = stat_of(entry.path)
                found.append(
                    [entry.name, stat.st_ino, stat.st_ctime_ns, stat.st_size]
                    if stat
                    else [entry.name, 0, 0, 0]
                )
                public &= stat is not None and bool(stat.st_mode & 0o004)
    found.sort()
    return found, public


def stat_of(path: str) -> os.stat_result | None:
    """Return None for a file that is gone by now, or a link to nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116 - a path as text: this is done for each of thousands of files
    except OSError:
        return None


def is_settled(changed_ns: int, now_ns: int) -> bool:
    """Return whether any later change of a file would show in its ctime."""
    return changed_ns < now_ns - SETTLED_NS
