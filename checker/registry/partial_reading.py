"""Read only the files of the registry that changed, after it was read as a whole."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from checker.config.files import identity_of
from checker.model import Node, NodeName
from checker.registry.file_stamps import mark_of
from checker.registry.freed_ports import read_freed_or_none
from checker.registry.indexed_nodes import IndexedNodes
from checker.registry.nodes import Registry
from checker.registry.reading import Cache, path_in, read_file
from checker.registry.waiting import waiting_path

MOST = 100
"""With more files, a look at all takes as long."""


def read_part(
    folder: Path, before: Registry, cache: Cache, names: Collection[str]
) -> Registry | None:
    """Return the registry after the files of these nodes changed; None if that takes a look at all
    files, as for broken ones.
    """
    if before.broken or not before.nodes or len(names) > MOST:
        return None
    there = identity_of(folder)
    reasons: dict[NodeName, str] = {}
    changed: dict[NodeName, Node | None] = {}
    reread: dict[NodeName, bytes] = {}
    for name in map(NodeName, sorted(names)):
        signs = signs_of(folder, name)
        cache.pop(name, None)
        changed[name] = None
        if signs:
            read = read_file(folder, name, signs, reasons)
            changed[name], reread[name] = read.node, read.signs
            if read.node is not None and read.signs:
                cache[name] = (read.signs, read.node)
    before.indexed.owners()  # found once, and passed on to those who follow
    nodes = ordered(before.indexed, changed)
    if reasons or there is None or identity_of(folder) != there or nodes.is_contested():
        return None
    nodes.basis = replace(nodes.basis, reread=reread)
    freed, freed_trouble = read_freed_or_none(folder, time.time())
    return replace(before, nodes=nodes, freed=freed, freed_trouble=freed_trouble)


def signs_of(folder: Path, name: NodeName) -> bytes:
    """Return the signs of a node's files; empty if it has none."""
    path = path_in(folder, name)
    own, beside = mark_of(path), mark_of(waiting_path(path))
    return b" ".join(filter(None, (own, beside))) if own else b""


def ordered(before: IndexedNodes, changed: dict[NodeName, Node | None]) -> IndexedNodes:
    """Return the nodes after the change, in the order of their files."""
    after = before.with_others(changed)
    new = [name for name, node in changed.items() if node is not None and name not in before]
    if new:
        names = [*after.entries][: -len(new)]
        for name in new:
            names.insert(bisect_left(names, file_of(name), key=file_of), name)
        after.entries = {name: after.entries[name] for name in names}
    return after


def file_of(name: NodeName) -> str:
    return f"{name}.toml"
