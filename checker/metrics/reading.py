"""Read the registry and the state file for one scrape."""

from __future__ import annotations

import time
from contextlib import closing
from types import MappingProxyType

from checker import __version__
from checker.config.layout import Layout
from checker.control.applicant_list import waiting
from checker.control.matching import NothingMatches, matching_rows
from checker.metrics.gathered import Clients, Gathered, only
from checker.model import NodeName
from checker.model.glance import Glance
from checker.output import today
from checker.registry.file_stamps import stamp
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.reading import Cache
from checker.registry.snapshot import copied_nodes
from checker.state.drain_file import read_drain
from checker.state.errors import StateMissing
from checker.state.glance import glance
from checker.state.store import open_reader


class Reader:
    """Reads a gateway again and again; the registry only if one of its files changed.

    Opens the state file again each time, so that a file which took its place is found, and that the
    daemon can always write.
    """

    def __init__(self, layout: Layout, filter_text: str | None = None) -> None:
        self.layout = layout
        self.filter_text = filter_text
        """Which nodes to keep: those of which a row matches; None: all."""
        self.clients = Clients()
        self.known = Registry()
        self.stamp: object = None
        """Of the registry's files when they were last read."""
        self.cache: Cache = {}

    def read(self) -> Gathered:
        """Raises StateError, ConfigError, InvalidValue, MistakenFilter, OSError."""
        registry = self.registry()
        now, seen = time.time(), self.state()
        found = Gathered(
            version=__version__,
            now=now,
            today=today(),
            nodes=registry.nodes,
            broken=registry.broken,
            glance=seen,
            clients=self.clients.follow(seen.clients, registry.nodes, now),
            applicants=len(waiting(self.layout)),
            draining=read_drain(self.layout.drain).drain is not None,
        )
        if self.filter_text is None:
            return found
        try:
            return only(found, self.chosen(self.filter_text))
        except NothingMatches:
            return only(found, ())

    def chosen(self, text: str) -> frozenset[NodeName]:
        """Return the nodes and devices of which a row matches. Raises NothingMatches, InvalidValue,
        MistakenFilter, StateError, ConfigError.
        """
        rows = matching_rows(self.layout, self.registry(), text, only_here=True)
        return frozenset(row.seen.node for row in rows)

    def registry(self) -> Registry:
        """Return the nodes, from the daemon's copy if that is good. Raises ConfigError, OSError."""
        fresh = stamp(self.layout.nodes)
        if fresh.files and fresh == self.stamp:
            return self.known
        copied = copied_nodes(self.layout)
        self.known = (
            read_known(self.layout, self.cache)
            if copied is None
            else Registry(nodes=MappingProxyType(copied))
        )
        self.stamp = fresh
        return self.known

    def state(self) -> Glance:
        """Return what was seen; nothing if there is no state file yet. Raises StateError."""
        try:
            reader = open_reader(self.layout.state)
        except StateMissing:
            return Glance()
        with closing(reader):
            return glance(reader)
