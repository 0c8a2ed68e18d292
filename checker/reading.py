"""Reading the registry: every node as its file says, and of a broken file what the node keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from checker.config import ConfigError
from checker.freed_ports import Freed, read_freed_or_none
from checker.kept_rights import (
    Age,
    BrokenFile,
    Contest,
    KeyLine,
    Right,
    contested,
    key_lines,
    node_by_lines,
    rights_in,
    rights_of,
    with_moves,
)
from checker.model import CheckerError, Forward, Node, NodeName, Port
from checker.nodefile import ports_named, read_node
from checker.registry_copy import is_settled
from checker.waiting import Sign, sign, sign_of, waiting_path, with_waiting


class UnknownNode(CheckerError):
    """No node of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no node {name!r}; see: reversi-checker node list")


class NameTaken(CheckerError):
    """A node of that name is there."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"node {name} is registered already; choose another name, or run: reversi-checker node"
            f" remove {name}"
        )


class PortTaken(CheckerError):
    """Two forwards asked for one port."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} belongs to node {holder}; choose another, or run: reversi-checker node"
            f" remove {holder}"
        )


class PortTwice(CheckerError):
    """One node asked for a port twice."""

    def __init__(self, port: Port, name: NodeName) -> None:
        super().__init__(
            f"node {name} asks for port {port} twice; give each forward a port of its own"
        )


class KeyTaken(CheckerError):
    """Two nodes asked for one key: the gateway could not tell them apart."""

    def __init__(self, holder: NodeName) -> None:
        super().__init__(
            f"that public key belongs to node {holder}; each node needs a key of its own"
        )


class SharedKeyTaken(CheckerError):
    """A node asked for the key of all: every device would pass for it."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"that public key is the shared one ([shared_key] in reversi.toml); node {name} needs a"
            " key of its own"
        )


class FileBroken(CheckerError):
    """A change to a node whose file does not count: to write it anew could lose what the admin
    meant.
    """

    def __init__(self, broken: BrokenFile) -> None:
        super().__init__(
            f"{broken.sentence}; mend the file first: until then only node disable and node remove"
            " work on it"
        )


class PortsUsedUp(CheckerError):
    """No port of the range is free."""

    def __init__(self, ports: range) -> None:
        super().__init__(
            f"every port from {ports.start} to {ports.stop - 1} is allotted; widen ports in"
            " reversi.toml"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All nodes as read, and a sentence for each file that could not be."""

    nodes: MappingProxyType[NodeName, Node] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()
    broken_ports: frozenset[Port] = frozenset()
    """Ports that those files seem to name: they may be allotted to nobody else."""
    broken: frozenset[NodeName] = frozenset()
    """Names whose file is there and does not count: they keep their key line and lose nothing.
    `nodes` has those that keep any rights.
    """
    broken_files: tuple[BrokenFile, ...] = ()
    """The same, with the reason of each."""
    freed: Freed = field(default_factory=lambda: MappingProxyType({}))
    """Ports that belonged to a node lately: allotted last."""
    freed_trouble: str = ""
    """Why they cannot be read, as a sentence."""

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """Every forward, in order of node and as the admin gave them."""
        return tuple(forward for node in self.nodes.values() for forward in node.forwards)

    def with_node(self, node: Node) -> Registry:
        """The same, with this node in the place of the one of that name."""
        return replace(self, nodes=MappingProxyType({**self.nodes, node.name: node}))

    def owner(self, port: int) -> Node | None:
        """The node that may listen on the port."""
        return next((node for node in self.nodes.values() if port in node.ports), None)

    def broken_file(self, name: str) -> BrokenFile | None:
        """What is wrong with the file of that name; None if nothing is."""
        return next((one for one in self.broken_files if one.name == name), None)

    def refuse_broken(self, name: str) -> None:
        """Raises FileBroken if the file of that name is broken."""
        broken = self.broken_file(name)
        if broken is not None:
            raise FileBroken(broken)

    def node(self, name: str) -> Node:
        """The node of that name. Raises UnknownNode, and FileBroken if its file is broken and it
        has no rights left.
        """
        if name not in self.nodes:
            self.refuse_broken(name)
        try:
            return self.nodes[NodeName(name)]
        except KeyError:
            raise UnknownNode(name) from None


def conflict(node: Node, others: Sequence[Node]) -> CheckerError | None:
    """Why this node can not stand beside the others."""
    ports = node.ports
    twice = next((port for port in ports if ports.count(port) > 1), None)
    if twice is not None:
        return PortTwice(twice, node.name)
    for other in others:
        if other.name == node.name:
            return NameTaken(node.name)
        if set(other.public_keys).intersection(node.public_keys):
            return KeyTaken(other.name)
        taken = set(other.ports).intersection(ports)
        if taken:
            return PortTaken(min(taken), other.name)
    return None


Cache = dict[Path, tuple[tuple[Sign, Sign], Node]]
"""Nodes as last read, with what tells whether the node's file, or the one beside it, changed."""


def read_node_cached(path: Path, cache: Cache) -> Node:
    """A node, from the cache where its file is the same. Raises ConfigError."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(path, f"can not be read ({error.strerror})") from error
    token = (sign(found), sign_of(waiting_path(path)))
    known = cache.get(path)
    if known is None or known[0] != token:
        known = (token, read_node(path))
        if is_settled(max(changed_ns for _, changed_ns, _ in token), time.time_ns()):
            cache[path] = known
    return known[1]


def node_files(folder: Path) -> list[Path]:
    """The nodes' files, by name; none where there is no folder yet. Raises ConfigError where it can
    not be listed.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are sorted before they become paths
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(
            folder, f"can not be listed ({error.strerror}); it must be a directory that we may read"
        ) from error
    return [
        folder / name
        for name in sorted(names)
        if name.endswith(".toml") and not name.startswith(".")
    ]


def read_registry(folder: Path, cache: Cache | None = None) -> Registry:
    """Every node under the folder. A file that cannot be read, or that asks for another's port or
    key, is broken.

    The node of a broken file is as its key lines know it; without any it is left out. Who reads
    again and again keeps a cache: then only files that changed are read. Raises ConfigError if the
    folder itself cannot be listed: that must not pass for an empty registry.
    """
    paths = {NodeName(path.stem): path for path in node_files(folder)}
    nodes, reasons = read_files(paths, {} if cache is None else cache)
    freed, freed_trouble = read_freed_or_none(folder, time.time())
    asked = {name: rights_of(node) for name, node in nodes.items()}
    found = (
        judged(folder, paths, nodes, reasons, asked)
        if reasons or contested(asked)
        else Registry(nodes=MappingProxyType(nodes))
    )
    return replace(found, freed=freed, freed_trouble=freed_trouble)


def read_files(
    paths: Mapping[NodeName, Path], cache: Cache
) -> tuple[dict[NodeName, Node], dict[NodeName, str]]:
    """The nodes whose file can be read, and a sentence for each of the others."""
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


def judged(
    folder: Path,
    paths: Mapping[NodeName, Path],
    nodes: Mapping[NodeName, Node],
    unreadable: Mapping[NodeName, str],
    asked: Mapping[NodeName, frozenset[Right]],
) -> Registry:
    """A registry with broken files: who keeps what two ask for, and what each broken node keeps."""
    lines, written_at = lines_beside(folder)
    held = {name: rights_in(own) for name, own in lines.items()}
    ages = {name: () if is_revoked(node) else age_of(paths[name]) for name, node in nodes.items()}
    lost = Contest(asked=asked, held=held, ages=ages, unreadable=unreadable.keys()).settle()
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


def kept_node(lines: Sequence[KeyLine], path: Path) -> Node:
    """What a broken node keeps, by its key lines; which of its ports are one forward's that moves
    stands in the other file.
    """
    kept = node_by_lines(lines)
    if not waiting_path(path).exists():
        return kept
    try:
        return with_moves(kept, with_waiting(kept, path))
    except ConfigError:
        return kept


def lines_beside(folder: Path) -> tuple[dict[NodeName, tuple[KeyLine, ...]], float]:
    """Each node's lines of the key file, which lies beside the folder, and when it was written;
    none if it cannot be read.
    """
    path = folder.with_name("authorized_keys")
    try:
        return key_lines(path.read_bytes()), path.stat().st_mtime
    except OSError:
        return {}, 0.0


def is_revoked(node: Node) -> bool:
    """Whether it has a key of its own that opens nothing: a copy of its file from before shall not
    let that in again.
    """
    return not node.enabled and not node.is_shared


def age_of(path: Path) -> Age:
    """What tells the older of two files: when its content was written, and, if a copy kept that,
    since when it is there.

    No birth time: whoever writes a file whole, as we do, gives it a new one.
    """
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ctime_ns, len(path.name))


def why_lost(right: Right, owner: NodeName) -> str:
    """What is wrong with a file that asks for another's right, as a clause."""
    what, other = (
        ("its public key", "a key") if isinstance(right, str) else (f"port {right}", "a port")
    )
    return f"{what} belongs to node {owner}; give it {other} of its own, or remove this file"
