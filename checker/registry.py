"""The registry: what the admin decided, one TOML file a node under `nodes/`, and the key file that follows from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from checker.config import MOST_PORTS, ConfigError, Layout, SharedKey, load_config
from checker.edits import with_moved_alone, with_new_key_alone, with_rights_since
from checker.keys import GateCommand, merge, shared_lines
from checker.model import CheckerError, Forward, ForwardRequest, Node, NodeName, Port
from checker.nodefile import node_toml, ports_named, read_node
from checker.publishing.publications import unbindable
from checker.registry_copy import is_settled, signs
from checker.waiting import Sign, sign, sign_of, waiting_path, waiting_toml


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


class SharedKeyTaken(CheckerError):
    """A node asked for the key of all: every device would pass for it."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(f"that public key is the shared one ([shared_key] in reversi.toml); node {name} needs a key of its own")


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

    def with_node(self, node: Node) -> Registry:
        """The same, with this node in the place of the one of that name."""
        return replace(self, nodes=MappingProxyType({**self.nodes, node.name: node}))

    def owner(self, port: int) -> Node | None:
        """The node that may listen on the port."""
        return next((node for node in self.nodes.values() if port in node.ports), None)

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
            rivals = {ports[port] for port in node.ports if port in ports}
            rivals |= {keys[key] for key in node.public_keys if key in keys}
            trouble = conflict(node, [nodes[name] for name in sorted(rivals)])
            if trouble:
                raise ConfigError(path, str(trouble))
        except ConfigError as error:
            problems.append(str(error))
            broken.add(NodeName(path.stem))
            broken_ports |= ports_named(path)
            continue
        nodes[node.name] = node
        keys.update(dict.fromkeys(node.public_keys, node.name))
        ports.update(dict.fromkeys(node.ports, node.name))
    return Registry(nodes=MappingProxyType(nodes), problems=tuple(problems), broken=frozenset(broken), broken_ports=frozenset(broken_ports))


def stamp(folder: Path) -> tuple[tuple[Any, ...], ...]:
    """What changes when any file of the registry does: names, inodes, times and sizes; nothing where it can not be listed."""
    try:
        return tuple(map(tuple, signs(folder)[0]))
    except OSError:
        return ()


def make_folder(path: Path) -> None:
    """The directory, with those above it. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(path, f"can not be made ({error.strerror}); it must be a directory that we may write") from error


def make_readable_folder(path: Path) -> None:
    """The directory, which the tunnel user may read whatever our umask says; one that is there stays as it is. Raises OSError."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


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
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(path, f"can not be written ({error.strerror}); check free space and permissions of {path.parent}") from error


def write_changed(path: Path, content: bytes, *, mode: int) -> None:
    """The same, where it says another thing: a full disk is no trouble for what stands there already. Raises ConfigError."""
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass  # whatever it is, writing tells
    write_atomically(path, content, mode=mode)


def sync_folder(path: Path) -> None:
    """That its entries outlive a loss of power. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """The registry is ours to change, until the end of the block. Raises ConfigError."""
    path = layout.nodes / ".lock"
    try:
        make_readable_folder(layout.nodes)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(path, f"can not be opened ({error.strerror}); check the permissions of {path.parent}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def allot(
    registry: Registry, name: NodeName, requests: Sequence[ForwardRequest], ports: range, *, deadline_s: float | None = None
) -> tuple[Forward, ...]:
    """Forwards for the requests; a port that is not asked for is the lowest free one of the range. Raises PortsUsedUp."""
    taken = registry.broken_ports | {request.port for request in requests}
    taken |= {port for node in registry.nodes.values() for port in node.ports}
    taken |= {publication.port for forward in registry.forwards for publication in forward.published}
    free = (Port(port) for port in ports if port not in taken)
    forwards = []
    for request in requests:
        port = request.port or next(free, None)
        if port is None:
            raise PortsUsedUp(ports)
        forwards.append(Forward(node=name, port=port, target=request.target, expect=request.expect, deadline_s=deadline_s))
    return tuple(forwards)


def node_path(layout: Layout, name: NodeName) -> Path:
    """A node's file."""
    return layout.nodes / f"{name}.toml"


def kept_key_path(layout: Layout, name: NodeName) -> Path:
    """Where a node's private key lies, if the admin had it kept."""
    return layout.nodes / f"{name}.key"


def add(layout: Layout, node: Node, command: GateCommand) -> None:
    """Register a node, under `locked`; all of it or nothing. Raises NameTaken, PortTaken, PortTwice, KeyTaken, ConfigError."""
    if node_path(layout, node.name).exists():
        raise NameTaken(node.name)
    change(layout, node.name, node, command)


def remove(layout: Layout, name: NodeName, command: GateCommand, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Forget a node, under `locked`. Raises UnknownNode, ConfigError, and what `meanwhile` raises."""
    if not node_path(layout, name).exists():
        raise UnknownNode(name)
    change(layout, name, None, command, meanwhile=meanwhile)


def change(
    layout: Layout, name: NodeName, after: Node | None, command: GateCommand, *, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Put this in the place of the node of that name, under `locked`; all of it or nothing.

    First the key file; then `meanwhile`, which ends what is allowed no longer and so can not come back; then the node's own file.
    Raises NameTaken, PortTaken, PortTwice, KeyTaken, ConfigError, and what `meanwhile` raises.
    """
    if after is not None:
        refuse_conflict(layout, name, after)
        after = with_rights_since(read_registry(layout.nodes).nodes.get(name), after, int(time.time()))
    write_keys(layout, command, without={name}, also=(after,) if after else ())
    try:
        meanwhile()
        write_node(layout, name, after)
    except BaseException:
        with contextlib.suppress(ConfigError):  # what came in between is the one to be told of
            write_keys(layout, command)
        raise


def use_new_key(layout: Layout, name: NodeName, command: GateCommand, port: Port | None = None) -> Node:
    """Take the node's old key away, or the port that `port` replaces, under `locked`. Raises UnknownNode, ConfigError."""
    before = read_registry(layout.nodes).node(name)
    after = with_new_key_alone(before) if port is None else with_moved_alone(before, port)
    change(layout, name, after, command)
    return after


def renames(before: Registry, after: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
    """Nodes that are gone, whose key is that of a node which was not there: old name and new."""
    came = {node.public_key: node.name for node in after.nodes.values() if node.name not in before.nodes and not node.is_shared}
    gone = [node for node in before.nodes.values() if node.name not in after.nodes and node.name not in after.broken]
    return tuple((node.name, came[node.public_key]) for node in gone if node.public_key in came)


def with_the_same_key(before: Registry, after: Registry) -> frozenset[NodeName]:
    """Nodes whose key is what it was, or came now, or can not be read."""
    known = before.nodes
    same = (name for name, node in after.nodes.items() if name not in known or known[name].public_key == node.public_key)
    return after.broken.union(same)


def refuse_conflict(layout: Layout, name: NodeName, after: Node) -> None:
    """Raises what `conflict` and `unbindable` find, NameTaken, SharedKeyTaken, where it can not take the place of the node of that name."""
    if after.name != name and node_path(layout, after.name).exists():
        raise NameTaken(after.name)
    if set(after.public_keys).intersection(load_config(layout.config).shared_key.public_keys):
        raise SharedKeyTaken(after.name)
    others = [node for node in read_registry(layout.nodes).nodes.values() if node.name != name]
    trouble = conflict(after, others) or unbindable(after, others)
    if trouble is not None:
        raise trouble


def write_node(layout: Layout, name: NodeName, after: Node | None) -> None:
    """The node's file, and what lies beside it, as they are after a change. Raises ConfigError."""
    path, key = node_path(layout, name), kept_key_path(layout, name)
    try:
        if after is None:
            key.unlink(missing_ok=True)
            path.unlink()
            waiting_path(path).unlink(missing_ok=True)
        elif after.name != name:
            if key.exists():
                key.replace(kept_key_path(layout, after.name))
            write_waiting(node_path(layout, after.name), after)  # a node that is there without it would not have its next port
            path.replace(node_path(layout, after.name))
            waiting_path(path).unlink(missing_ok=True)
        else:
            write_atomically(path, node_toml(after), mode=0o644)
            write_waiting(path, after)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(path, f"can not be changed ({error.strerror}); check the permissions of {path.parent}") from error


def write_waiting(path: Path, after: Node) -> None:
    """What waits for the node's device, beside the node's file. Raises ConfigError, OSError."""
    if content := waiting_toml(after):
        write_changed(waiting_path(path), content, mode=0o644)
    else:
        waiting_path(path).unlink(missing_ok=True)


def keys_as_wanted(
    layout: Layout, command: GateCommand, *, without: Collection[NodeName] = (), also: Sequence[Node] = ()
) -> tuple[bytes, bytes]:
    """The key file as it is, and in line with the registry; a node whose file is broken keeps the line that it has. Raises ConfigError."""
    registry = read_registry(layout.nodes)
    try:
        present = layout.authorized_keys.read_bytes()
    except FileNotFoundError:
        present = b""
    except OSError as error:
        raise ConfigError(layout.authorized_keys, f"can not be read ({error.strerror}); check its permissions") from error
    nodes = [*(node for node in registry.nodes.values() if node.name not in without), *also]
    nodes.sort(key=lambda node: f"{node.name}.toml")  # as the folder lists them
    shared = lines_of_shared(load_config(layout.config).shared_key, nodes, registry.broken_ports, command)
    return present, merge(present, nodes, command, keep=registry.broken.difference(without), shared=shared)


def write_keys(layout: Layout, command: GateCommand, *, without: Collection[NodeName] = (), also: Sequence[Node] = ()) -> None:
    """Bring the key file in line with the registry; a link stays one. Raises ConfigError."""
    present, wanted = keys_as_wanted(layout, command, without=without, also=also)
    if wanted != present or not layout.authorized_keys.exists():
        write_atomically(Path(os.path.realpath(layout.authorized_keys)), wanted, mode=0o644)


def lines_of_shared(key: SharedKey, nodes: Sequence[Node], broken_ports: Collection[Port], command: GateCommand) -> tuple[str, ...]:
    """The shared key's lines, where it is enabled: the ports of nodes that have no other key, and those of its range that no node has."""
    if not key.enabled:
        return ()
    taken = {*broken_ports, *(port for node in nodes for port in node.ports)}
    own = [port for node in nodes if node.is_shared and node.enabled for port in node.ports]
    ports = [*own, *(port for port in key.ports if port not in taken)]
    return shared_lines(key.public_keys, ports[:MOST_PORTS], command)
