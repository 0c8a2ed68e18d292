"""Notice that files changed, by one `stat` each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from checker.registry.waiting import SUFFIX

SETTLED_NS = 1_000_000_000
"""A file that changed more recently than this may change again without a sign: the system's file
times are coarse.
"""
TO_ALL = 0o005
"""A folder that everyone may list and enter."""
Signs = list[list[Any]]
"""Of each file of the registry: name, inode, time of its last change in nanoseconds, size."""


def stamp(folder: Path) -> tuple[tuple[Any, ...], ...]:
    """What changes when any file of the registry does: names, inodes, times and sizes; nothing
    where it can not be listed.
    """
    try:
        return tuple(map(tuple, signs(folder)[0]))
    except OSError:
        return ()


def signs(folder: Path) -> tuple[Signs, bool]:
    """What changes when any file of the registry does, and whether everyone may read all of them.
    Raises OSError.
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
    """None for a file that is gone meanwhile, or a link to nowhere."""
    try:
        return os.stat(path)  # noqa: PTH116 - a path as text: this is done for each of thousands of files
    except OSError:
        return None


def is_settled(changed_ns: int, now_ns: int) -> bool:
    """Whether any later change of a file would show in its time."""
    return changed_ns < now_ns - SETTLED_NS
