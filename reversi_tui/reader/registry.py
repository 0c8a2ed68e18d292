"""The reader's registry: read again when a file changed, from the daemon's copy if that is good."""

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
from checker.registry.reasons import read_reasons
from checker.registry.snapshot import copied_nodes
from checker.rows.from_registry import barred_words, broken_row
from checker.rows.row import Key, Row

MOST_SHOWN = 65536
"""Bytes of a node's file that its sheet shows."""
POLL_EVERY_S = 0.25
STAMP_SHARE = 1000
"""Polling the registry's files may take one part in so many of our time."""


class Registered:
    """Only the reading thread uses it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.forwards: dict[Key, Forward] | None = None
        """None until the registry was read."""
        self.nodes: Mapping[NodeName, Node] = {}
        self.public_keys: frozenset[str] = frozenset()
        self.problems: tuple[str, ...] = ()
        self.broken: dict[Key, Row] = {}
        """Rows of broken files."""
        self.barred: dict[NodeName, str] = {}
        """Why a node may not listen today, in one word."""
        self.reasons: Mapping[NodeName, str] = {}
        """Why nodes are disabled."""
        self.day = ""
        self.stamp: object = None
        self.folder_changed_at = 0
        self.next_poll = 0.0

    def poll(self) -> bool:
        """Read it again if it changed; whether it did."""
        started = time.monotonic()
        folder = changed_at(self.layout.nodes)
        if started < self.next_poll and folder == self.folder_changed_at:
            return False
        self.folder_changed_at = folder
        registry = self.fresh()
        if registry is None:
            self.next_poll = time.monotonic() + max(
                POLL_EVERY_S, STAMP_SHARE * (time.monotonic() - started)
            )
            return False
        self.forwards = {(forward.node, forward.port): forward for forward in registry.forwards}
        self.problems = registry.problems
        self.broken = {row.key: row for row in map(broken_row, registry.broken_files)}
        self.nodes = registry.nodes
        self.public_keys = frozenset(
            key for node in registry.nodes.values() for key in node.public_keys
        )
        self.bar()
        return True

    def may_have_changed(self) -> bool:
        """Whether files came or went since the last poll."""
        return changed_at(self.layout.nodes) != self.folder_changed_at

    def fresh(self) -> Registry | None:
        """The registry if it changed, else None. If its folder cannot be read, the rows stay."""
        try:
            fresh = stamp(self.layout.nodes)
            if fresh == self.stamp:
                return None
            if not fresh.files and self.forwards:
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
                    f"{self.layout.nodes} cannot be read ({error.strerror}); the rows are as last"
                    " read"
                ),
            )
            self.stamp = None
            return Registry(problems=self.problems) if self.forwards is None else None

    def new_day(self) -> set[NodeName]:
        """The nodes that a new day bars, or allows again."""
        return set() if self.day == today() else self.bar()

    def bar(self) -> set[NodeName]:
        """Decide again who may not listen today, and return the nodes for which that changed."""
        before, self.day = self.barred, today()
        self.barred = barred_words(self.nodes, self.day)
        self.reasons = read_reasons(self.layout, self.barred)
        return {
            name
            for name in before.keys() | self.barred.keys()
            if before.get(name) != self.barred.get(name)
        }


def changed_at(folder: Path) -> int:
    """When a file was last added to the folder or removed, which shows nearly all changes; 0 if
    unknown.
    """
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def text_of(path: Path) -> str:
    """The text of a node's file; empty if there is none, or we may not read it."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_SHOWN).decode("utf-8", "replace")
    except OSError:
        return ""
