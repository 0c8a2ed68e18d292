"""The registry: what the admin decided, one TOML file a node under `nodes/`, and the key file that
follows from it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from checker.config import MOST_PORTS, ConfigError, Layout, SharedKey, load_config
from checker.edits import with_moved_alone, with_new_key_alone, with_rights_since
from checker.freed_ports import (
    freed_after,
    freed_path,
    freed_toml,
    longest_freed,
    owners_of_vanished,
)
from checker.kept_rights import shared_ports_of
from checker.keys import GateCommand, merge, shared_lines
from checker.model import Forward, ForwardRequest, Node, NodeName, Port
from checker.nodefile import node_toml, ports_named
from checker.publishing.publications import unbindable
from checker.reading import (
    Cache,
    FileBroken,
    KeyTaken,
    NameTaken,
    PortsUsedUp,
    PortTaken,
    PortTwice,
    Registry,
    SharedKeyTaken,
    UnknownNode,
    conflict,
    node_files,
    read_registry,
)
from checker.registry_copy import signs
from checker.waiting import waiting_path, waiting_toml

__all__ = [
    "Cache",
    "FileBroken",
    "KeyTaken",
    "NameTaken",
    "PortTaken",
    "PortTwice",
    "PortsUsedUp",
    "Registry",
    "SharedKeyTaken",
    "UnknownNode",
    "conflict",
    "node_files",
    "read_registry",
]
log = logging.getLogger(__name__)


def gate_command(layout: Layout) -> GateCommand:
    """The forced command of this installation."""
    gate = Path(__file__).with_name("gate.py")
    return GateCommand(
        python=sys.executable, gate=str(gate), home=str(layout.home) if layout.home else ""
    )


def stamp(folder: Path) -> tuple[tuple[Any, ...], ...]:
    """What changes when any file of the registry does: names, inodes, times and sizes; nothing
    where it can not be listed.
    """
    try:
        return tuple(map(tuple, signs(folder)[0]))
    except OSError:
        return ()


def make_folder(path: Path) -> None:
    """The directory, with those above it. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            path, f"can not be made ({error.strerror}); it must be a directory that we may write"
        ) from error


def make_readable_folder(path: Path) -> None:
    """The directory, which the tunnel user may read whatever our umask says; one that is there
    stays as it is. Raises OSError.
    """
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """The file whole or not at all; permissions and owner of a present one are kept. Raises
    ConfigError.
    """
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
        raise ConfigError(
            path,
            f"can not be written ({error.strerror}); check free space and permissions of"
            f" {path.parent}",
        ) from error


def write_changed(path: Path, content: bytes, *, mode: int) -> None:
    """The same, where it says another thing: a full disk is no trouble for what stands there
    already. Raises ConfigError.
    """
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
        raise ConfigError(
            path, f"can not be opened ({error.strerror}); check the permissions of {path.parent}"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def allot(
    registry: Registry,
    name: NodeName,
    requests: Sequence[ForwardRequest],
    ports: range,
    *,
    deadline_s: float | None = None,
) -> tuple[Forward, ...]:
    """Forwards for the requests; a port that is not asked for is the lowest free one of the range.

    Ports that were freed lately come after all others, the longest freed first. Raises PortsUsedUp.
    """
    taken = registry.broken_ports | {request.port for request in requests}
    taken |= {port for node in registry.nodes.values() for port in node.ports}
    taken |= {
        publication.port for forward in registry.forwards for publication in forward.published
    }
    untaken = [Port(port) for port in ports if port not in taken]
    free = iter(
        [
            *(port for port in untaken if port not in registry.freed),
            *longest_freed(registry.freed, untaken),
        ]
    )
    forwards = []
    for request in requests:
        port = request.port or next(free, None)
        if port is None:
            raise PortsUsedUp(ports)
        forwards.append(
            Forward(
                node=name,
                port=port,
                target=request.target,
                expect=request.expect,
                deadline_s=deadline_s,
            )
        )
    return tuple(forwards)


def node_path(layout: Layout, name: NodeName) -> Path:
    """A node's file."""
    return layout.nodes / f"{name}.toml"


def kept_key_path(layout: Layout, name: NodeName) -> Path:
    """Where a node's private key lies, if the admin had it kept."""
    return layout.nodes / f"{name}.key"


def add(layout: Layout, node: Node, command: GateCommand) -> None:
    """Register a node, under `locked`; all of it or nothing. Raises NameTaken, PortTaken,
    PortTwice, KeyTaken, ConfigError.
    """
    if os.path.lexists(node_path(layout, node.name)):
        raise NameTaken(node.name)
    change(layout, node.name, node, command)


def remove(
    layout: Layout,
    name: NodeName,
    command: GateCommand,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Forget a node, under `locked`. Raises UnknownNode, ConfigError, and what `meanwhile`
    raises.
    """
    if not os.path.lexists(node_path(layout, name)):
        raise UnknownNode(name)
    change(layout, name, None, command, meanwhile=meanwhile)


def change(
    layout: Layout,
    name: NodeName,
    after: Node | None,
    command: GateCommand,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Put this in the place of the node of that name, under `locked`; all of it or nothing.

    First the key file; then `meanwhile`, which ends what is allowed no longer and so can not come
    back; then the node's own file. Raises NameTaken, PortTaken, PortTwice, KeyTaken, ConfigError,
    and what `meanwhile` raises.
    """
    if after is not None:
        refuse_conflict(layout, name, after)
        after = with_rights_since(
            read_registry(layout.nodes).nodes.get(name), after, int(time.time())
        )
    write_keys(layout, command, without={name}, also=(after,) if after else ())
    try:
        meanwhile()
        write_node(layout, name, after)
    except BaseException:
        with contextlib.suppress(ConfigError):  # what came in between is the one to be told of
            write_keys(layout, command)
        raise


def use_new_key(
    layout: Layout, name: NodeName, command: GateCommand, port: Port | None = None
) -> Node:
    """Take the node's old key away, or the port that `port` replaces, under `locked`. Raises
    UnknownNode, FileBroken, ConfigError.
    """
    registry = read_registry(layout.nodes)
    registry.refuse_broken(name)
    before = registry.node(name)
    after = with_new_key_alone(before) if port is None else with_moved_alone(before, port)
    change(layout, name, after, command)
    return after


def renames(before: Registry, after: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
    """Nodes that are gone, whose key is that of a node which was not there: old name and new."""
    came = {
        node.public_key: node.name
        for node in after.nodes.values()
        if node.name not in before.nodes and not node.is_shared
    }
    gone = [
        node
        for node in before.nodes.values()
        if node.name not in after.nodes and node.name not in after.broken
    ]
    return tuple((node.name, came[node.public_key]) for node in gone if node.public_key in came)


def with_the_same_key(before: Registry, after: Registry) -> frozenset[NodeName]:
    """Nodes whose key is what it was, or came now, or can not be read."""
    known = before.nodes
    same = (
        name
        for name, node in after.nodes.items()
        if name not in known or known[name].public_key == node.public_key
    )
    return after.broken.union(same)


def refuse_conflict(layout: Layout, name: NodeName, after: Node) -> None:
    """Raises what `conflict` and `unbindable` find, NameTaken, SharedKeyTaken, FileBroken, if it
    cannot take that node's place.
    """
    if after.name != name and os.path.lexists(node_path(layout, after.name)):
        raise NameTaken(after.name)
    if set(after.public_keys).intersection(load_config(layout.config).shared_key.public_keys):
        raise SharedKeyTaken(after.name)
    registry = read_registry(layout.nodes)
    registry.refuse_broken(name)
    others = [node for node in registry.nodes.values() if node.name != name]
    trouble = conflict(after, others) or unbindable(after, others)
    if trouble is not None:
        raise trouble


def write_node(layout: Layout, name: NodeName, after: Node | None) -> None:
    """The node's file, and what lies beside it, as they are after a change. Raises ConfigError."""
    path, key = node_path(layout, name), kept_key_path(layout, name)
    try:
        if after is None:
            key.unlink(missing_ok=True)
            if path.is_dir() and not path.is_symlink():
                # nothing of ours, and nothing to delete
                path.rename(path.with_name(f".{path.name}.removed-{time.time_ns()}"))
            else:
                path.unlink()
            waiting_path(path).unlink(missing_ok=True)
        elif after.name != name:
            if key.exists():
                key.replace(kept_key_path(layout, after.name))
            # a node that is there without it would not have its next port
            write_waiting(node_path(layout, after.name), after)
            path.replace(node_path(layout, after.name))
            waiting_path(path).unlink(missing_ok=True)
        else:
            write_atomically(path, node_toml(after), mode=0o644)
            write_waiting(path, after)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            path, f"can not be changed ({error.strerror}); check the permissions of {path.parent}"
        ) from error


def write_waiting(path: Path, after: Node) -> None:
    """What waits for the node's device, beside the node's file. Raises ConfigError, OSError."""
    if content := waiting_toml(after):
        write_changed(waiting_path(path), content, mode=0o644)
    else:
        waiting_path(path).unlink(missing_ok=True)


def keys_as_wanted(layout: Layout, command: GateCommand) -> tuple[bytes, bytes]:
    """The key file as it is, and in line with the registry; a node whose file is broken keeps the
    line that it has. Raises ConfigError.
    """
    return keys_after(layout, read_registry(layout.nodes), command)


def keys_after(
    layout: Layout,
    registry: Registry,
    command: GateCommand,
    *,
    without: Collection[NodeName] = (),
    also: Sequence[Node] = (),
) -> tuple[bytes, bytes]:
    """The same, with these nodes in the place of those."""
    try:
        present = layout.authorized_keys.read_bytes()
    except FileNotFoundError:
        present = b""
    except OSError as error:
        raise ConfigError(
            layout.authorized_keys, f"can not be read ({error.strerror}); check its permissions"
        ) from error
    nodes = [*(node for node in registry.nodes.values() if node.name not in without), *also]
    nodes.sort(key=lambda node: f"{node.name}.toml")  # as the folder lists them
    broken = registry.broken.difference(without)
    # of a node without a key of its own
    kept_ports = registry.broken_ports & shared_ports_of(present)
    shared = lines_of_shared(
        load_config(layout.config).shared_key,
        nodes,
        registry.broken_ports,
        command,
        kept_ports=kept_ports,
    )
    whole = [node for node in nodes if node.name not in broken]
    return present, merge(present, whole, command, keep=broken, shared=shared)


def write_keys(
    layout: Layout,
    command: GateCommand,
    *,
    without: Collection[NodeName] = (),
    also: Sequence[Node] = (),
) -> None:
    """Bring the key file in line with the registry; a link stays one. Raises ConfigError."""
    registry = read_registry(layout.nodes)
    present, wanted = keys_after(layout, registry, command, without=without, also=also)
    if wanted != present or not layout.authorized_keys.exists():
        write_atomically(Path(os.path.realpath(layout.authorized_keys)), wanted, mode=0o644)
    before = owners_of_vanished(present, wanted)
    before |= {
        port: name
        for name in without
        if name in registry.nodes
        for port in registry.nodes[name].ports
    }
    before |= {
        port: name
        for name in registry.broken.intersection(without)
        for port in ports_named(node_path(layout, name))
    }
    note_freed(layout, registry, before, without=without, also=also)


def note_freed(
    layout: Layout,
    registry: Registry,
    before: Mapping[Port, NodeName],
    *,
    without: Collection[NodeName],
    also: Sequence[Node],
) -> None:
    """Write down which of these ports are nobody's after a change; that it cannot be written stops
    no change.
    """
    nodes = [*(node for node in registry.nodes.values() if node.name not in without), *also]
    in_use = {port for node in nodes for port in node.ports}
    in_use |= {
        port
        for name in registry.broken.difference(without)
        for port in ports_named(node_path(layout, name))
    }
    freed = freed_after(registry.freed, before, in_use, time.time())
    if registry.freed_trouble or freed == registry.freed:
        return
    try:
        write_atomically(freed_path(layout.nodes), freed_toml(freed.values()), mode=0o644)
    except ConfigError as error:
        log.warning(
            "%s; the ports may be allotted again: %s", error, ", ".join(map(str, sorted(before)))
        )


def lines_of_shared(
    key: SharedKey,
    nodes: Sequence[Node],
    broken_ports: Collection[Port],
    command: GateCommand,
    *,
    kept_ports: Collection[Port] = (),
) -> tuple[str, ...]:
    """The shared key's lines, where it is enabled: the ports of nodes that have no other key, and
    those of its range that no node has.

    A port that a broken file names stays in them only if it is one of `kept_ports`, which they
    permit now.
    """
    if not key.enabled:
        return ()
    owned = {port for node in nodes for port in node.ports}
    own = [port for node in nodes if node.is_shared and node.enabled for port in node.ports]
    own += sorted(set(kept_ports) - owned)
    taken = {*broken_ports, *owned}
    ports = [*own, *(port for port in key.ports if port not in taken)]
    return shared_lines(key.public_keys, ports[:MOST_PORTS], command)
