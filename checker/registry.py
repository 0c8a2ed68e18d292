"""The registry: what the admin decided, one TOML file a node under `nodes/`, and the key file that follows from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from checker.config import ConfigError, Layout, number_in, read_toml, refuse_unknown, text_in, whole_in
from checker.keys import GateCommand, merge, parse_public_key
from checker.model import (
    CheckerError,
    Forward,
    ForwardRequest,
    InvalidValue,
    Node,
    NodeName,
    Port,
    parse_expect,
    parse_name,
    parse_target,
)

NODE_KEYS = ("public_key", "added_at", "forward")
FORWARD_KEYS = ("port", "target", "expect", "deadline_s")


class UnknownNode(CheckerError):
    """No node of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no node {name!r}; see: reversi-checker node list")


class NameTaken(CheckerError):
    """A node of that name is there."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(f"node {name} is registered already; choose another name, or run: reversi-checker node remove {name}")


class PortTaken(CheckerError):
    """Two forwards asked for one port."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(f"port {port} belongs to node {holder}; choose another, or run: reversi-checker node remove {holder}")


class PortTwice(CheckerError):
    """One node asked for a port twice."""

    def __init__(self, port: Port, name: NodeName) -> None:
        super().__init__(f"node {name} asks for port {port} twice; give each forward a port of its own")


class KeyTaken(CheckerError):
    """Two nodes asked for one key: the gateway could not tell them apart."""

    def __init__(self, holder: NodeName) -> None:
        super().__init__(f"that public key belongs to node {holder}; each node needs a key of its own")


class PortsUsedUp(CheckerError):
    """No port of the range is free."""

    def __init__(self, ports: range) -> None:
        super().__init__(f"every port from {ports.start} to {ports.stop - 1} is allotted; widen ports in reversi.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All nodes as read, and a sentence for each file that could not be."""

    nodes: MappingProxyType[NodeName, Node] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()
    broken_ports: frozenset[Port] = frozenset()
    """Ports that those files seem to name: they may be allotted to nobody else."""
    broken: frozenset[NodeName] = frozenset()
    """Names whose file is there and could not be read: they keep their key line and lose nothing."""

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """Every forward, in order of node and as the admin gave them."""
        return tuple(forward for node in self.nodes.values() for forward in node.forwards)

    def owner(self, port: int) -> Node | None:
        """The node that may listen on the port."""
        return next((node for node in self.nodes.values() if any(forward.port == port for forward in node.forwards)), None)

    def node(self, name: str) -> Node:
        """The node of that name. Raises UnknownNode."""
        try:
            return self.nodes[NodeName(name)]
        except KeyError:
            raise UnknownNode(name) from None


def gate_command(layout: Layout) -> GateCommand:
    """The forced command of this installation."""
    gate = Path(__file__).with_name("gate.py")
    return GateCommand(python=sys.executable, gate=str(gate), home=str(layout.home) if layout.home else "")


def forward_from(path: Path, node: NodeName, number: int, table: Any) -> Forward:
    """One `[[forward]]` of a node's file. Raises ConfigError."""
    where = f"forward {number}: "
    if not isinstance(table, dict):
        raise ConfigError(path, f"{where}must be a table; write [[forward]]")
    refuse_unknown(path, where, table, FORWARD_KEYS)
    for key in ("port", "target"):
        if key not in table:
            raise ConfigError(path, f"{where}{key} is missing")
    try:
        return Forward(
            node=node,
            port=Port(whole_in(path, f"{where}port", table["port"], 1, 65535)),
            target=parse_target(text_in(path, f"{where}target", table["target"])),
            expect=parse_expect(text_in(path, f"{where}expect", table.get("expect", "open"))),
            deadline_s=float(number_in(path, f"{where}deadline_s", table["deadline_s"], 0.5, 60)) if "deadline_s" in table else None,
        )
    except InvalidValue as error:
        raise ConfigError(path, f"{where}{error}") from error


def read_node(path: Path) -> Node:
    """A node from its file, whose name is the node's. Raises ConfigError."""
    table = read_toml(path)
    refuse_unknown(path, "", table, NODE_KEYS)
    forwards = table.get("forward", [])
    if not isinstance(forwards, list):
        raise ConfigError(path, "forward must be a list of tables; write [[forward]]")
    try:
        name = parse_name(path.stem)
        return Node(
            name=name,
            public_key=parse_public_key(text_in(path, "public_key", table.get("public_key"))),
            forwards=tuple(forward_from(path, name, number, entry) for number, entry in enumerate(forwards, start=1)),
            added_at=whole_in(path, "added_at", table.get("added_at", 0), 0, 2**40),
        )
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error


def conflict(node: Node, others: Sequence[Node]) -> CheckerError | None:
    """Why this node can not stand beside the others."""
    ports = [forward.port for forward in node.forwards]
    twice = next((port for port in ports if ports.count(port) > 1), None)
    if twice is not None:
        return PortTwice(twice, node.name)
    for other in others:
        if other.name == node.name:
            return NameTaken(node.name)
        if other.public_key == node.public_key:
            return KeyTaken(other.name)
        taken = {forward.port for forward in other.forwards}.intersection(ports)
        if taken:
            return PortTaken(min(taken), other.name)
    return None


Cache = dict[Path, tuple[tuple[int, int, int], Node]]
"""Nodes as last read, with what tells whether their file changed: its inode, time and size."""


def read_node_cached(path: Path, cache: Cache) -> Node:
    """A node, from the cache where its file is the same. Raises ConfigError."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(path, f"can not be read ({error.strerror})") from error
    token = (found.st_ino, found.st_mtime_ns, found.st_size)
    known = cache.get(path)
    if known is None or known[0] != token:
        cache[path] = known = (token, read_node(path))
    return known[1]


def node_files(folder: Path) -> list[Path]:
    """The nodes' files, by name; none where there is no folder yet. Raises ConfigError where it can not be listed."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are sorted before they become paths
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(folder, f"can not be listed ({error.strerror}); it must be a directory that we may read") from error
    return [folder / name for name in sorted(names) if name.endswith(".toml") and not name.startswith(".")]


def read_registry(folder: Path, cache: Cache | None = None) -> Registry:
    """Every node under the folder. A file that can not be read, or that takes another's port or key, is left out and told of.

    Who reads again and again keeps a cache: then only files that changed are read.
    Raises ConfigError where the folder itself can not be listed: that must not pass for an empty registry.
    """
    cache = {} if cache is None else cache
    nodes: dict[NodeName, Node] = {}
    ports: dict[Port, NodeName] = {}
    keys: dict[str, NodeName] = {}
    problems: list[str] = []
    broken: set[NodeName] = set()
    broken_ports: set[Port] = set()
    for path in node_files(folder):
        try:
            node = read_node_cached(path, cache)
            rivals = {ports[f.port] for f in node.forwards if f.port in ports}
            rivals |= {keys[node.public_key]} if node.public_key in keys else set()
            trouble = conflict(node, [nodes[name] for name in sorted(rivals)])
            if trouble:
                raise ConfigError(path, str(trouble))
        except ConfigError as error:
            problems.append(str(error))
            broken.add(NodeName(path.stem))
            broken_ports |= ports_named(path)
            continue
        nodes[node.name] = node
        keys[node.public_key] = node.name
        ports.update(dict.fromkeys((forward.port for forward in node.forwards), node.name))
    return Registry(nodes=MappingProxyType(nodes), problems=tuple(problems), broken=frozenset(broken), broken_ports=frozenset(broken_ports))


def ports_named(path: Path) -> set[Port]:
    """What looks like a port in a file that is no valid TOML, or not ours."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    return {Port(int(number)) for number in re.findall(r"\bport\s*=\s*(\d{1,5})\b", text)}


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when any file of the registry does: names, times and sizes; nothing where it can not be listed."""
    try:
        return tuple(stamp_of(path) for path in node_files(folder))
    except ConfigError:
        return ()


def stamp_of(path: Path) -> tuple[str, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return path.name, 0, 0  # gone meanwhile, or a link to nowhere
    return path.name, stat.st_mtime_ns, stat.st_size


def make_folder(path: Path) -> None:
    """The directory, with those above it. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(path, f"can not be made ({error.strerror}); it must be a directory that we may write") from error


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """The file whole or not at all; permissions and owner of a present one are kept. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                present = path.stat() if path.exists() else None
                os.fchmod(file.fileno(), present.st_mode & 0o7777 if present else mode)
                if present and (present.st_uid, present.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), present.st_uid, present.st_gid)
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(path, f"can not be written ({error.strerror}); check free space and permissions of {path.parent}") from error


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """The registry is ours to change, until the end of the block. Raises ConfigError."""
    path = layout.nodes / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(path, f"can not be opened ({error.strerror}); check the permissions of {path.parent}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def node_toml(node: Node) -> bytes:
    """A node's file."""
    forwards = [
        {
            "port": forward.port,
            "target": str(forward.target),
            "expect": str(forward.expect),
            **({} if forward.deadline_s is None else {"deadline_s": forward.deadline_s}),
        }
        for forward in node.forwards
    ]
    return tomli_w.dumps({"public_key": node.public_key, "added_at": node.added_at, "forward": forwards}).encode()


def allot(
    registry: Registry, name: NodeName, requests: Sequence[ForwardRequest], ports: range, *, deadline_s: float | None = None
) -> tuple[Forward, ...]:
    """Forwards for the requests; a port that is not asked for is the lowest free one of the range. Raises PortsUsedUp."""
    taken = {forward.port for forward in registry.forwards} | registry.broken_ports | {request.port for request in requests}
    free = (Port(port) for port in ports if port not in taken)
    forwards = []
    for request in requests:
        port = request.port or next(free, None)
        if port is None:
            raise PortsUsedUp(ports)
        forwards.append(Forward(node=name, port=port, target=request.target, expect=request.expect, deadline_s=deadline_s))
    return tuple(forwards)


def add(layout: Layout, node: Node, command: GateCommand) -> None:
    """Register a node, under `locked`; all of it or nothing. Raises NameTaken, PortTaken, PortTwice, KeyTaken, ConfigError."""
    registry = read_registry(layout.nodes)
    path = layout.nodes / f"{node.name}.toml"
    trouble = NameTaken(node.name) if path.exists() else conflict(node, list(registry.nodes.values()))
    if trouble:
        raise trouble
    write_atomically(path, node_toml(node), mode=0o644)
    try:
        write_keys(layout, command)
    except ConfigError:
        path.unlink(missing_ok=True)  # a node without its key line would be registered and locked out
        raise


def remove(layout: Layout, name: NodeName, command: GateCommand) -> None:
    """Forget a node, under `locked`. Raises UnknownNode, ConfigError."""
    path = layout.nodes / f"{name}.toml"
    try:
        path.unlink()
    except FileNotFoundError:
        raise UnknownNode(name) from None
    except OSError as error:
        raise ConfigError(path, f"can not be removed ({error.strerror}); check the permissions of {path.parent}") from error
    write_keys(layout, command)


def write_keys(layout: Layout, command: GateCommand, *, without: NodeName | None = None) -> None:
    """Bring the key file in line with the registry; a node whose file is broken keeps the line that it has. Raises ConfigError."""
    registry = read_registry(layout.nodes)
    try:
        present = layout.authorized_keys.read_bytes()
    except FileNotFoundError:
        present = b""
    except OSError as error:
        raise ConfigError(layout.authorized_keys, f"can not be read ({error.strerror}); check its permissions") from error
    nodes = [node for node in registry.nodes.values() if node.name != without]
    wanted = merge(present, nodes, command, keep=registry.broken - {without})
    if wanted != present or not layout.authorized_keys.exists():
        write_atomically(layout.authorized_keys, wanted, mode=0o644)
