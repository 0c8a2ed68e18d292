"""Notice that files changed, by one `stat` each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from checker.registry.waiting import SUFFIX

SETTLED_NS = 1_000_000_000
"""A file that changed more recently may change again without a visible difference: file times are
coarse.
"""
TO_ALL = 0o005
"""Mode bits of a folder that everyone may list and enter."""
NONE = b"0 0 0"
"""The sign of a file that is gone by now, or a link to nowhere."""
Signs = list[list[Any]]
"""For each file of the registry: its name, inode, ctime in nanoseconds, and size."""


class Stamp(NamedTuple):
    """What changes when any file of the registry does."""

    files: int
    """0 also if the folder cannot be listed."""
    digest: bytes
    """Of names, inodes, times and sizes, which would take 6 MB for 30,000 files."""


def stamp(folder: Path) -> Stamp:
    """Return the stamp of a registry as it is now."""
    try:
        found = marks(folder)[0]
    except OSError:
        found = {}
    return digested(found)


def digested(found: Mapping[str, bytes]) -> Stamp:
    import hashlib  # slow to load: it brings OpenSSL

    text = b"\n".join(b"%s %s" % (os.fsencode(name), one) for name, one in found.items())
    return Stamp(len(found), hashlib.blake2b(text, digest_size=16).digest())


def stamp_of(read: Signs) -> Stamp:
    """Return the stamp of a registry whose files have these signs."""
    return digested({name: b"%d %d %d" % tuple(rest) for name, *rest in read})


def signs(folder: Path) -> tuple[Signs, bool]:
    """Return what changes when any file of the registry does, and whether everyone may read all of
    them. Raises OSError.
    """
    found, public = marks(folder)
    return [[name, *map(int, one.split(b" "))] for name, one in found.items()], public


def marks(folder: Path) -> tuple[dict[str, bytes], bool]:
    """Return the same as `signs`: by name, each sign as one text. Raises OSError."""
    found: dict[str, bytes] = {}
    public = all(place.stat().st_mode & TO_ALL == TO_ALL for place in (folder, folder.parent))
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in sorted(os.listdir(handle)):  # noqa: PTH208 - as fast as possible
            if name.endswith((".toml", SUFFIX)) and name[0] != ".":
                try:  # without a call of ours for each: there are thousands
                    stat = os.stat(name, dir_fd=handle)
                except OSError:
                    found[name] = NONE
                    public = False
                    continue
                found[name] = b"%d %d %d" % (stat.st_ino, stat.st_ctime_ns, stat.st_size)
                public &= stat.st_mode & 0o004 != 0
    finally:
        os.close(handle)
    return found, public


def mark(stat: os.stat_result) -> bytes:
    return b"%d %d %d" % (stat.st_ino, stat.st_ctime_ns, stat.st_size)


def mark_of(path: Path) -> bytes:
    """Return the sign of one file; empty if it is not there."""
    if not os.path.lexists(path):
        return b""
    stat = stat_of(str(path))
    return NONE if stat is None else mark(stat)


def stat_of(path: str, folder: int | None = None) -> os.stat_result | None:
    """Return None for a file that is gone by now, or a link to nowhere. `folder`: the descriptor of
    the directory that the path begins in.
    """
    try:
        # as text, and from an open directory: this is done for each of thousands of files
        return os.stat(path, dir_fd=folder)
    except OSError:
        return None


def is_settled(changed_ns: int, now_ns: int) -> bool:
    """Return whether any later change of a file would show in its ctime."""
    return changed_ns < now_ns - SETTLED_NS
