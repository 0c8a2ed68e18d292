"""The registry as the reader knows it: read again where one of its files changed, from the daemon's
copy where that is true.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from checker.config.layout import Layout
from checker.model import Forward, Node, NodeName
from checker.output import today
from checker.registry.file_stamps import stamp
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.snapshot import copied_nodes
from reversi_tui.reader.background import barred_words
from reversi_tui.rows.row import Key, Row, broken_row

LOOK_EVERY_S = 0.25
STAMP_SHARE = 400
"""A look at every file of the registry may take one part in so many of our time."""


class Registered:
    """Belongs to the reading thread."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.forwards: dict[Key, Forward] | None = None
        """None until it was read."""
        self.nodes: Mapping[NodeName, Node] = {}
        self.problems: tuple[str, ...] = ()
        self.broken: dict[Key, Row] = {}
        """Rows of broken files."""
        self.barred: dict[NodeName, str] = {}
        """One word for why a node may not listen today, of those that may not."""
        self.day = ""
        self.stamp: object = None
        self.folder_changed_at = 0
        self.next_look = 0.0

    def look(self) -> bool:
        """Read it again where it changed; whether it did."""
        started = time.monotonic()
        folder = changed_at(self.layout.nodes)
        if started < self.next_look and folder == self.folder_changed_at:
            return False
        self.folder_changed_at = folder
        registry = self.fresh()
        if registry is None:
            self.next_look = time.monotonic() + max(
                LOOK_EVERY_S, STAMP_SHARE * (time.monotonic() - started)
            )
            return False
        self.forwards = {(forward.node, forward.port): forward for forward in registry.forwards}
        self.problems = registry.problems
        self.broken = {row.key: row for row in map(broken_row, registry.broken_files)}
        self.nodes = registry.nodes
        self.bar()
        return True

    def fresh(self) -> Registry | None:
        """The registry, where it is not the one we have. A folder that can not be read leaves the
        rows as they are.
        """
        try:
            fresh = stamp(self.layout.nodes)
            if fresh == self.stamp:
                return None
            if not fresh and self.forwards:
                self.layout.nodes.stat()
            copied = copied_nodes(self.layout)
            self.stamp = fresh
            return (
                read_known(self.layout)
                if copied is None
                else Registry(nodes=MappingProxyType(copied))
            )
        except OSError as error:
            self.problems = (
                (
                    f"{self.layout.nodes} can not be read ({error.strerror}); the rows are as last"
                    " read"
                ),
            )
            self.stamp = None
            return Registry(problems=self.problems) if self.forwards is None else None

    def new_day(self) -> set[NodeName]:
        """The nodes that are barred, or are no more, because another day began."""
        return set() if self.day == today() else self.bar()

    def bar(self) -> set[NodeName]:
        """Judge anew who may not listen today; the nodes of which that changed."""
        before, self.day = self.barred, today()
        self.barred = barred_words(self.nodes, self.day)
        return {
            name
            for name in before.keys() | self.barred.keys()
            if before.get(name) != self.barred.get(name)
        }


def changed_at(folder: Path) -> int:
    """When a file came to the folder or left it, which tells of nearly all changes at once; 0 where
    it can not be seen.
    """
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
