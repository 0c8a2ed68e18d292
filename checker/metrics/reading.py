"""Read the registry and the state file for one scrape."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

from checker import __version__
from checker.config.layout import Layout
from checker.metrics.gathered import Clients, Gathered
from checker.model import Node, NodeName
from checker.model.glance import Glance
from checker.output import today
from checker.registry.file_stamps import stamp
from checker.registry.last_good import read_known
from checker.registry.reading import Cache
from checker.registry.snapshot import copied_nodes
from checker.state.errors import StateMissing
from checker.state.glance import glance
from checker.state.store import open_reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The registry."""

    nodes: Mapping[NodeName, Node] = field(default_factory=dict)
    broken: frozenset[NodeName] = frozenset()


class Reader:
    """Reads a gateway again and again; the registry only if one of its files changed.

    Opens the state file again each time, so that a file which took its place is found, and that the
    daemon can always write.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.clients = Clients()
        self.registered = Registered()
        self.stamp: object = None
        """Of the registry's files when they were last read."""
        self.cache: Cache = {}

    def read(self) -> Gathered:
        """Raises StateError, ConfigError, OSError."""
        registered = self.registry()
        now, seen = time.time(), self.state()
        return Gathered(
            version=__version__,
            now=now,
            today=today(),
            nodes=registered.nodes,
            broken=registered.broken,
            glance=seen,
            clients=self.clients.follow(seen.clients, registered.nodes, now),
        )

    def registry(self) -> Registered:
        """Return the nodes, from the daemon's copy if that is good. Raises ConfigError, OSError."""
        fresh = stamp(self.layout.nodes)
        if fresh and fresh == self.stamp:
            return self.registered
        copied = copied_nodes(self.layout)
        if copied is not None:
            self.registered = Registered(nodes=copied)
        else:
            known = read_known(self.layout, self.cache)
            self.registered = Registered(nodes=known.nodes, broken=known.broken)
        self.stamp = fresh
        return self.registered

    def state(self) -> Glance:
        """Return what was seen; nothing if there is no state file yet. Raises StateError."""
        try:
            reader = open_reader(self.layout.state)
        except StateMissing:
            return Glance()
        with closing(reader):
            return glance(reader)
