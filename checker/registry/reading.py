"""Read the registry: each node as its file says, and what a node with a broken file keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from checker.config.layout import Layout, list_beside
from checker.config.toml_file import ConfigError, toml_files
from checker.model import Node, NodeName
from checker.registry.contests import Age, Contest, Right, contested
from checker.registry.file_stamps import is_settled
from checker.registry.freed_ports import read_freed_or_none
from checker.registry.kept_rights import (
    BrokenFile,
    KeyLine,
    key_lines,
    node_by_lines,
    rights_in,
    rights_of,
    with_moves,
)
from checker.registry.key_places import read_places
from checker.registry.node_file import ports_named, read_node
from checker.registry.nodes import Registry, conflict
from checker.registry.waiting import Sign, sign, sign_of, waiting_path, with_waiting

Cache = dict[Path, tuple[tuple[Sign, Sign], Node]]
"""Nodes as last read, with the signs of the node's file and of the one beside it."""


def read_node_cached(path: Path, cache: Cache) -> Node:
    """Read a node, from the cache if its files did not change. Raises ConfigError."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror})") from error
    token = (sign(found), sign_of(waiting_path(path)))
    known = cache.get(path)
    if known is None or known[0] != token:
        known = (token, read_node(path))
        if is_settled(max(changed_ns for _, changed_ns, _ in token), time.time_ns()):
            cache[path] = known
    return known[1]


def identity(folder: Path) -> tuple[int, int] | None:
    """Return the folder's device and inode; None if there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def read_registry(folder: Path, cache: Cache | None = None) -> Registry:
    """Read every node in the folder. A file is broken if it cannot be read, or asks for another
    node's port or key.

    The node of a broken file is built from its key lines; without any it is left out. A caller that
    reads often keeps a cache, and then only changed files are read. Raises ConfigError if the
    folder itself cannot be listed, or was moved meanwhile: neither must look like an empty
    registry.
    """
    before = identity(folder)
    paths = {NodeName(path.stem): path for path in toml_files(folder)}
    nodes, reasons = read_files(paths, {} if cache is None else cache)
    if identity(folder) != before:
        raise ConfigError(folder, "was moved or replaced while it was read; try again")
    freed, freed_trouble = read_freed_or_none(folder, time.time())
    asked = {name: rights_of(node) for name, node in nodes.items()}
    found = (
        with_broken(folder, paths, nodes, reasons, asked)
        if reasons or contested(asked)
        else Registry(nodes=MappingProxyType(nodes))
    )
    return replace(found, freed=freed, freed_trouble=freed_trouble)


def read_files(
    paths: Mapping[NodeName, Path], cache: Cache
) -> tuple[dict[NodeName, Node], dict[NodeName, str]]:
    """Return the nodes whose file can be read, and a sentence for each of the others."""
    nodes: dict[NodeName, Node] = {}
    reasons: dict[NodeName, str] = {}
    for name, path in paths.items():
        try:
            node = read_node_cached(path, cache)
            if trouble := conflict(node, ()):
                raise ConfigError(path, str(trouble))
            nodes[name] = node
        except ConfigError as error:
            if os.path.lexists(path):  # else it was removed just now
                reasons[name] = str(error)
    return nodes, reasons


def with_broken(
    folder: Path,
    paths: Mapping[NodeName, Path],
    nodes: Mapping[NodeName, Node],
    unreadable: Mapping[NodeName, str],
    asked: Mapping[NodeName, frozenset[Right]],
) -> Registry:
    """Build a registry with broken files: decide who keeps what two ask for, and what each broken
    node keeps.
    """
    lines, written_at = lines_beside(folder)
    lost = contest(paths, nodes, unreadable.keys(), asked, lines).settle()
    reasons = {
        **unreadable,
        **{name: str(ConfigError(paths[name], why_lost(*lost[name]))) for name in lost},
    }
    kept = {name: kept_node(lines[name], paths[name]) for name in reasons if name in lines}
    broken = tuple(
        BrokenFile(
            name=name,
            path=path,
            reason=reasons[name],
            rights_of=written_at if name in kept else None,
        )
        for name, path in paths.items()
        if name in reasons
    )
    there = {**{name: node for name, node in nodes.items() if name not in reasons}, **kept}
    return Registry(
        nodes=MappingProxyType({name: there[name] for name in paths if name in there}),
        problems=tuple(one.sentence for one in broken),
        broken=frozenset(reasons),
        broken_ports=frozenset(port for name in reasons for port in ports_named(paths[name])),
        broken_files=broken,
    )


def contest(
    paths: Mapping[NodeName, Path],
    nodes: Mapping[NodeName, Node],
    unreadable: Collection[NodeName],
    asked: Mapping[NodeName, frozenset[Right]],
    lines: Mapping[NodeName, Sequence[KeyLine]],
) -> Contest:
    """Return what the files ask for, what the key lines allow, and how old each file is."""
    return Contest(
        asked=asked,
        held={name: rights_in(own) for name, own in lines.items()},
        ages={
            name: () if is_revoked(node) else age_of(paths[name]) for name, node in nodes.items()
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


def lines_beside(folder: Path) -> tuple[dict[NodeName, tuple[KeyLine, ...]], float]:
    """Return each node's key lines beside the folder, and when they were written last; none if
    they cannot be read.
    """
    path = folder.with_name("authorized_keys")
    try:
        there = read_places(path)
        place = path if there.is_in_file else list_beside(path)
        return key_lines(there.present), place.stat().st_mtime
    except (OSError, ConfigError):
        return {}, 0.0


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


def node_path(layout: Layout, name: NodeName) -> Path:
    """Return the path of a node's file."""
    return layout.nodes / f"{name}.toml"
