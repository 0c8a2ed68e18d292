"""Read the registry: each node as its file says, and what a node with a broken file keeps."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from checker.config.files import identity_of
from checker.config.layout import Layout, list_beside
from checker.config.toml_file import ConfigError
from checker.model import Node, NodeName
from checker.registry.changed_lines import lines_of
from checker.registry.contests import Age, Contest, Right, disputants
from checker.registry.file_stamps import is_settled, marks
from checker.registry.freed_ports import read_freed_or_none
from checker.registry.index import FEWEST, load_index, nodes_in_index
from checker.registry.indexed_nodes import SIGNS, Basis, IndexedNodes, Row
from checker.registry.kept_rights import (
    BrokenFile,
    KeyLine,
    key_lines,
    node_by_lines,
    rights_in,
    with_moves,
)
from checker.registry.key_places import read_places
from checker.registry.node_file import ports_named, read_node
from checker.registry.nodes import Registry, conflict
from checker.registry.waiting import SUFFIX, waiting_path, with_waiting

Cache = dict[NodeName, tuple[bytes, Node]]
"""Nodes as last read, with the signs of the node's file and of the one beside it."""
NO_NODE = (b"", None)
Files = Mapping[NodeName, bytes]
"""The signs of each node's files, by name."""


def read_registry(folder: Path, cache: Cache | None = None) -> Registry:
    """Read every node in the folder. A file is broken if it cannot be read, or asks for another
    node's port or key.

    The node of a broken file is built from its key lines; without any it is left out. A caller that
    reads often keeps a cache, and then only changed files are read. Raises ConfigError if the
    folder itself cannot be listed, or was moved meanwhile: neither must look like an empty
    registry.
    """
    before = identity_of(folder)
    files, is_public = node_files(folder)
    nodes, reasons = read_files(folder, files, cache, is_public=is_public)
    if identity_of(folder) != before:
        raise ConfigError(folder, "was moved or replaced while it was read; try again")
    freed, freed_trouble = read_freed_or_none(folder, time.time())
    found = (
        with_broken(folder, files, nodes, reasons)
        if reasons or nodes.is_contested()
        else Registry(nodes=nodes)
    )
    return replace(found, freed=freed, freed_trouble=freed_trouble)


def node_files(folder: Path) -> tuple[Files, bool]:
    """Return the nodes' files in order, and whether everyone may read all of them. Raises
    ConfigError if the folder cannot be listed.
    """
    try:
        found, is_public = marks(folder)
    except FileNotFoundError:
        return {}, False
    except OSError as error:
        raise ConfigError(
            folder, f"cannot be listed ({error.strerror}); it must be a directory that we may read"
        ) from error
    files = {NodeName(name[:-5]): mark for name, mark in found.items() if name[-5:] == ".toml"}
    for name in found if len(found) > len(files) else ():
        owner = NodeName(name.removesuffix(SUFFIX))
        if name.endswith(SUFFIX) and owner in files:
            files[owner] += b" " + found[name]
    return files, is_public


def changed_ns_of(signs: bytes) -> int:
    """Return when a node's files last changed."""
    return max(map(int, signs.split(b" ")[1::3]))


def read_files(
    folder: Path, files: Files, cache: Cache | None, *, is_public: bool
) -> tuple[IndexedNodes, dict[NodeName, str]]:
    """Return the nodes whose file can be read, and a sentence for each of the others. Only the
    files that neither the cache nor the index has are read.
    """
    if cache is None:
        return read_once(folder, files, is_public=is_public)
    unknown = {name: signs for name, signs in files.items() if cache.get(name, NO_NODE)[0] != signs}
    if not cache or len(unknown) >= FEWEST:
        cache |= nodes_in_index(folder, unknown)
    entries: dict[NodeName, Node | Row] = {}
    reread: dict[NodeName, bytes] = {}
    reasons: dict[NodeName, str] = {}
    for name, signs in files.items():
        known = cache.get(name)
        if known is not None and known[0] == signs:
            entries[known[1].name] = known[1]  # and not another string for each name
            continue
        read = read_file(folder, name, signs, reasons)
        reread[name] = read.signs
        if read.node is not None:
            entries[name] = read.node
            if read.signs:
                cache[name] = (read.signs, read.node)
    for name in [name for name in cache if name not in files]:
        del cache[name]
    return IndexedNodes(entries, Basis(reread=reread, is_public=is_public)), reasons


def read_once(
    folder: Path, files: Files, *, is_public: bool
) -> tuple[IndexedNodes, dict[NodeName, str]]:
    """Do the same for who keeps no cache: a node in the index is parsed when it is asked for."""
    indexed, dead = load_index(folder)
    rows: dict[NodeName, Row] = {}
    entries: dict[NodeName, Node | Row] = {}
    reread: dict[NodeName, bytes] = {}
    reasons: dict[NodeName, str] = {}
    for name, signs in files.items():
        row = indexed.get(name)
        if row is not None and row[SIGNS] == signs:
            entries[name] = rows[name] = row
            continue
        read = read_file(folder, name, signs, reasons)
        reread[name] = read.signs
        if read.node is not None:
            entries[name] = read.node
    gone = frozenset(indexed.keys() - files.keys())
    basis = Basis(rows=rows, reread=reread, gone=gone, dead=dead, is_public=is_public)
    return IndexedNodes(entries, basis), reasons


class Read(NamedTuple):
    """A node's file as it was read."""

    signs: bytes
    """Empty if it could change again unseen."""
    node: Node | None
    """None if it is broken, or gone by now."""


def read_file(folder: Path, name: NodeName, signs: bytes, reasons: dict[NodeName, str]) -> Read:
    """Read the file of a node. If it is broken, add a sentence to `reasons`."""
    signs = signs if is_settled(changed_ns_of(signs), time.time_ns()) else b""
    try:
        return Read(signs, read_alone(path_in(folder, name)))
    except ConfigError as error:
        if os.path.lexists(path_in(folder, name)):  # else it was removed just now
            reasons[name] = str(error)
        return Read(signs, None)


def read_alone(path: Path) -> Node:
    """Read a node, and check that it does not contradict itself. Raises ConfigError."""
    node = read_node(path)
    if trouble := conflict(node, ()):
        raise ConfigError(path, str(trouble))
    return node


def with_broken(
    folder: Path, files: Files, nodes: IndexedNodes, unreadable: Mapping[NodeName, str]
) -> Registry:
    """Build a registry with broken files: decide who keeps what two ask for, and what each broken
    node keeps.
    """
    content, written_at = lines_beside(folder)
    asked = {name: nodes.rights(name) for name in nodes}
    lines: dict[NodeName, tuple[KeyLine, ...]] = {}

    def held_by(names: Collection[NodeName]) -> Mapping[NodeName, Iterable[Right]]:
        found = key_lines(lines_of(content, names))
        lines.update((name, found[name]) for name in names if name in found)
        return {name: rights_in(found[name]) for name in names if name in found}

    names = disputants(asked, held_by, unreadable.keys())
    paths = {name: path_in(folder, name) for name in files if name in names}
    lost = contest(paths, nodes, unreadable.keys(), lines).settle()
    reasons = {
        **unreadable,
        **{name: str(ConfigError(paths[name], why_lost(*lost[name]))) for name in lost},
    }
    kept = {name: kept_node(lines[name], paths[name]) for name in reasons if name in lines}
    broken = tuple(
        BrokenFile(
            name=name,
            path=paths[name],
            reason=reasons[name],
            rights_of=written_at if name in kept else None,
        )
        for name in files
        if name in reasons
    )
    there = {**{n: one for n, one in nodes.entries.items() if n not in reasons}, **kept}
    return Registry(
        nodes=IndexedNodes({name: there[name] for name in files if name in there}, nodes.basis),
        problems=tuple(one.sentence for one in broken),
        broken=frozenset(reasons),
        broken_ports=frozenset(port for name in reasons for port in ports_named(paths[name])),
        broken_files=broken,
    )


def contest(
    paths: Mapping[NodeName, Path],
    nodes: IndexedNodes,
    unreadable: Collection[NodeName],
    lines: Mapping[NodeName, Sequence[KeyLine]],
) -> Contest:
    """Return what the files at these paths ask for, what the key lines allow, and how old each file
    is that asks for what another asks for or has.
    """
    asked = {name: frozenset(nodes.rights(name)) for name in paths if name in nodes}
    held = {name: rights_in(own) for name, own in lines.items()}
    claims = Counter(
        right
        for name in paths
        for right in asked.get(name, frozenset()) | held.get(name, frozenset())
    )
    shared = frozenset(right for right, count in claims.items() if count > 1)
    return Contest(
        asked=asked,
        held=held,
        ages={
            name: () if is_revoked(nodes[name]) else age_of(paths[name])
            for name, rights in asked.items()
            if not shared.isdisjoint(rights)
        },
        unreadable=unreadable,
    )


def kept_node(lines: Sequence[KeyLine], path: Path) -> Node:
    """Build a broken node from its key lines. The file beside its own says which two ports belong
    to one moving forward.
    """
    kept = node_by_lines(lines)
    if not waiting_path(path).exists():
        return kept
    try:
        return with_moves(kept, with_waiting(kept, path))
    except ConfigError:
        return kept


def lines_beside(folder: Path) -> tuple[bytes, float]:
    """Return the key lines beside the folder, and when they were written last; none if they cannot
    be read.
    """
    path = folder.with_name("authorized_keys")
    try:
        there = read_places(path)
        place = path if there.is_in_file else list_beside(path)
        return there.present, place.stat().st_mtime
    except (OSError, ConfigError):
        return b"", 0.0


def is_revoked(node: Node) -> bool:
    """Return whether the node is disabled and has a key of its own: an older copy of its file must
    not let that key in again.
    """
    return not node.enabled and not node.is_shared


def age_of(path: Path) -> Age:
    """Return what orders files by age: when the content was written and, as a copy may keep that
    time, since when the file exists.

    The birth time is of no use: whoever replaces a file, as we do, gives it a new one.
    """
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ctime_ns, len(path.name))


def why_lost(right: Right, owner: NodeName) -> str:
    """Say what is wrong with a file that asks for another's right, as a clause."""
    what, other = (
        ("its public key", "a key") if isinstance(right, str) else (f"port {right}", "a port")
    )
    return f"{what} belongs to node {owner}; give it {other} of its own, or remove this file"


def path_in(folder: Path, name: NodeName) -> Path:
    return folder / f"{name}.toml"


def node_path(layout: Layout, name: NodeName) -> Path:
    """Return the path of a node's file."""
    return path_in(layout.nodes, name)
