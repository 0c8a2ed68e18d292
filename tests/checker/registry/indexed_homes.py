"""A registry with an index, without the wait until its files are old enough to be in one."""

from __future__ import annotations

import time

from checker.config.layout import Layout
from checker.model import NodeName
from checker.registry.authorized_keys import gate_command, move_keys, write_keys
from checker.registry.file_stamps import is_settled
from checker.registry.index import write_whole
from checker.registry.indexed_nodes import Basis, row_of
from checker.registry.key_files import Stand
from checker.registry.reading import node_files, read_registry
from tests.checker.registry.registry_files import node_text, write

COUNT = 24
"""Enough that a change of two nodes is not a change of all."""


def name_of(number: int) -> NodeName:
    return NodeName(f"box-{number:02d}")


def make(layout: Layout, stand: Stand = Stand.FINGERPRINT) -> None:
    """Register the nodes, with keys in this place, and an index of them all."""
    for number in range(COUNT):
        write(layout, name_of(number), node_text(number + 1, 20100 + number))
    write_keys(layout, gate_command(layout))
    if stand is not Stand.FILE:
        for step in (Stand.TO_FINGERPRINT, stand):
            move_keys(layout, gate_command(layout), step)
    write_index(layout)


def write_index(layout: Layout) -> None:
    """Write an index of all nodes as they are now."""
    files, is_public = node_files(layout.nodes)
    nodes = read_registry(layout.nodes).nodes
    rows = [row_of(nodes[name], sign) for name, sign in files.items() if name in nodes]
    write_whole(layout.nodes, Basis(is_public=is_public), rows)


def wait_until_settled(layout: Layout) -> None:
    """Wait until each file is old enough to be in an index."""
    give_up_at = time.monotonic() + 20
    while not all(
        is_settled(path.stat().st_ctime_ns, time.time_ns()) for path in layout.nodes.glob("*.toml")
    ):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
