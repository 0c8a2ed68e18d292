"""Registries for tests: real node files of made-up nodes."""

from __future__ import annotations

from collections.abc import Iterable

import tomli_w

from checker.config.layout import Layout
from checker.model import Forward, Node, NodeName
from checker.registry.node_file import node_table
from tests.strategies import public_key

ADDED_AT = 1_760_000_000
"""When the nodes were added, in Unix seconds."""


def register(layout: Layout, forwards: Iterable[Forward]) -> None:
    """Write the registry's files for these forwards."""
    layout.nodes.mkdir(parents=True, exist_ok=True)
    by_node: dict[NodeName, list[Forward]] = {}
    for forward in forwards:
        by_node.setdefault(forward.node, []).append(forward)
    for name, theirs in by_node.items():
        node = Node(
            name=name,
            public_key=public_key(theirs[0].port),
            forwards=tuple(theirs),
            added_at=ADDED_AT,
        )
        (layout.nodes / f"{name}.toml").write_text(tomli_w.dumps(node_table(node)))
