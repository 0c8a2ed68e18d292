"""When to look at all files of the registry: one `stat` tells if none of ours changed it.

An edit of ours changes the generation. What somebody edits by hand, what an earlier release writes
and what a backup brings back shows in the directory's watch (inotify). Without
a watch, and for what it does not see (a network file system, the other end of a link), all files
are looked at now and then.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from checker.config.files import identity_of
from checker.registry.generation import Generation, generation
from checker.registry.waiting import SUFFIX

WATCHED_EVERY_S = 30.0
"""Between two looks, though the watch saw nothing."""
WATCHED_A_FILE_S = 0.002
"""The same, for each file."""
UNWATCHED_EVERY_S = 2.0
"""The same without a watch, as long as there are few files."""
A_FILE_S = 0.0005
"""Between two such looks, for each file: a hundred times what looking at it takes."""


class Watch(Protocol):
    """Shows what changed in a directory."""

    def changed_names(self) -> set[str] | None: ...
    def close(self) -> None: ...


class Looks:
    """Decides when all files must be looked at. `now` is monotonic, in seconds."""

    def __init__(
        self, folder: Path, open_watch: Callable[[Path], Watch] | None, every_s: float
    ) -> None:
        """`open_watch` raises OSError if there can be no watch; `every_s`: without one."""
        self.folder = folder
        self.open_watch = open_watch
        self.every_s = every_s
        self.watch: Watch | None = None
        self.watched: tuple[int, int] | None = None
        """Which directory the watch is of."""
        self.seen: Generation | None = None
        self.next_at = -math.inf
        self.names: frozenset[str] | None = None
        """The nodes whose files changed before the last `is_due`, if that is all; None: look at
        all files.
        """

    def is_due(self, now: float) -> bool:
        """Return whether a file may have changed since `looked`."""
        fresh = generation(self.folder)
        names: set[str] | None = self.watch.changed_names() if self.watch else set()
        if fresh == self.seen and now < self.next_at and not concerns_registry(names):
            return False
        watched, self.seen = self.watched, fresh
        self.renew_watch(is_whole=names is not None)
        is_part = self.watch is not None and watched == self.watched
        self.names = nodes_among(names) if is_part and now < self.next_at else None
        return True

    def looked(self, now: float, files: int, *, has_links: bool = False) -> None:
        """Note a look at so many files, which ended now. `has_links`: some are links to files
        elsewhere, whose changes the watch does not see.
        """
        is_watched = self.watch is not None and not has_links
        every_s, a_file_s = (
            (WATCHED_EVERY_S, WATCHED_A_FILE_S) if is_watched else (self.every_s, A_FILE_S)
        )
        self.next_at = now + max(every_s, a_file_s * files)

    def look_again(self) -> None:
        """Be due until `looked`: what was seen could not be used."""
        self.next_at = -math.inf

    def renew_watch(self, *, is_whole: bool) -> None:
        """Watch the directory that is there now: before the look, so that nothing is missed."""
        there = identity_of(self.folder)
        if self.watch is not None and is_whole and there == self.watched:
            return
        if self.watch is not None:
            self.watch.close()
        self.watch, self.watched = None, there
        if self.open_watch is not None and there is not None:
            try:
                self.watch = self.open_watch(self.folder)
            except OSError:
                return  # next time, perhaps


def has_links(folder: Path) -> bool:
    """Return whether a file of the registry is a link; False if the folder cannot be listed."""
    try:
        with os.scandir(folder) as found:
            return any(one.is_symlink() and is_of_registry(one.name) for one in found)
    except OSError:
        return False


def nodes_among(names: set[str] | None) -> frozenset[str] | None:
    """Return the nodes whose files are among those that changed; None if the directory is, or that
    is not known.
    """
    if names is None or "" in names:
        return None
    files = filter(is_of_registry, names)
    return frozenset(name.removesuffix(".toml").removesuffix(SUFFIX) for name in files)


def concerns_registry(names: set[str] | None) -> bool:
    """Return whether files of nodes, or the directory itself, may be among what changed."""
    return names is None or any(not name or is_of_registry(name) for name in names)


def is_of_registry(name: str) -> bool:
    """Return whether a file of this name belongs to a node."""
    return name.endswith((".toml", SUFFIX)) and not name.startswith(".")
