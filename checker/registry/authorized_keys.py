"""Derive the keys that sshd accepts from the registry, and write them if they are ours to write.

On an installed gateway only root's commands may write it. The daemon there reports that it is out
of date.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.model import ENROLS, MOST_PORTS, Node, NodeName, Port, SharedKey
from checker.registry.enrolments import read_enrolments
from checker.registry.freed_ports import (
    freed_after,
    freed_path,
    freed_toml,
    owners_of,
    vanished_lines,
)
from checker.registry.index import forget, update_index
from checker.registry.kept_rights import shared_ports_of
from checker.registry.key_files import Stand, start_of_ours, surely_ends_with
from checker.registry.key_lines import (
    GateCommand,
    enrolment_line,
    line_bytes,
    merge,
    render_lines,
    shared_lines,
)
from checker.registry.key_places import Places, move, read_places, write_places
from checker.registry.lock import is_ours, locked, undisturbed
from checker.registry.node_file import ports_named
from checker.registry.nodes import Exchange, Registry
from checker.registry.reading import Cache, node_path, read_registry

log = logging.getLogger(__name__)


class KeysLag(ConfigError):
    """The key file does not match the registry, and we may not write it."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            layout.authorized_keys,
            "does not follow the registry, which was edited by hand; run: sudo reversi-checker"
            " init",
        )


def keys_lag(layout: Layout, cache: Cache | None = None) -> bool:
    """Return whether the key file, or a file of a key, must be written again. `cache`: as for
    `read_registry`. Raises ConfigError.
    """
    with undisturbed(layout):
        there, registry = read_places(layout.authorized_keys), read_registry(layout.nodes, cache)
    # without the lock: nobody waits for what takes a second with 30,000 nodes
    command = gate_command(layout)
    return not surely_follow(layout, there, registry, command) and there.lag(
        keys_after(layout, there.present, registry, command)
    )


def surely_follow(layout: Layout, there: Places, registry: Registry, command: GateCommand) -> bool:
    """Return whether the keys follow the registry, as far as a look at one line after the other
    shows; False proves nothing. With 30,000 nodes, all wanted lines at once take 100 MB, which the
    daemon would hardly get rid of again. Raises ConfigError.
    """
    is_whole = not there.file or there.file.endswith(b"\n")
    if registry.broken or there.is_spread or not is_whole:
        return False
    enrolling, unread = enrolment_lines(layout, command, (), time.time())
    if unread:
        return False
    nodes = nodes_after(registry, (), ())
    shared = lines_of_shared(load_config(layout.config).shared_key, nodes, (), command)
    own = (line for node in nodes for line in render_lines(node, command))
    start = 0 if there.is_by_fingerprint else start_of_ours(there.lines)
    wanted = map(line_bytes, chain(own, shared, enrolling))
    return surely_ends_with(there.lines, wanted, start)


def key_sign(layout: Layout) -> tuple[tuple[int, int, int], ...] | None:
    """Return inode, mtime in nanoseconds and size of the key file, of the list of keys and of their
    directory, which change when these do; None if there is no key file.
    """
    found = [sign_of(path) for path in (layout.authorized_keys, layout.key_list, layout.keys)]
    return None if found[0] is None else tuple(sign for sign in found if sign is not None)


def sign_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def update_keys(layout: Layout, cache: Cache | None = None) -> None:
    """Write the key file if it is ours to write. `cache`: as for `read_registry`. Raises
    ConfigError; KeysLag if it is not ours and is out of date.
    """
    if not keys_lag(layout, cache) and layout.authorized_keys.exists():
        return
    if is_ours(layout):
        with locked(layout):
            write_keys(layout, gate_command(layout))
    elif keys_lag(layout, cache):
        raise KeysLag(layout)


def gate_command(layout: Layout) -> GateCommand:
    """Return the forced command of this installation."""
    gate = Path(__file__).parents[1] / "gate.py"
    return GateCommand(
        python=sys.executable, gate=str(gate), home=str(layout.home) if layout.home else ""
    )


def keys_as_wanted(layout: Layout, command: GateCommand) -> tuple[Places, bytes]:
    """Return where the keys are, and the key file that the registry wants. A node whose file is
    broken keeps the lines that it has. Raises ConfigError.
    """
    there = read_places(layout.authorized_keys)
    return there, keys_after(layout, there.present, read_registry(layout.nodes), command)


def keys_after(  # noqa: PLR0913 - what changes has two parts
    layout: Layout,
    present: bytes,
    registry: Registry,
    command: GateCommand,
    *,
    without: Collection[str] = (),
    also: Sequence[Node] = (),
) -> bytes:
    """Return the key file as the registry wants it once the nodes `also` have replaced those named
    in `without`; `+ID` names an enrolment that ends. Raises ConfigError.
    """
    nodes = nodes_after(registry, without, also)
    broken = registry.broken.difference(without)
    shared = lines_of_shared(
        load_config(layout.config).shared_key,
        nodes,
        registry.broken_ports,
        command,
        present,
    )
    whole = [node for node in nodes if node.name not in broken]
    enrolling, unread = enrolment_lines(layout, command, without, time.time())
    return merge(present, whole, command, keep={*broken, *unread}, shared=(*shared, *enrolling))


def enrolment_lines(
    layout: Layout, command: GateCommand, without: Collection[str], now: float
) -> tuple[list[str], list[str]]:
    """Return the lines of the enrolments whose key still opens anything, and `+ID` of each whose
    file is broken: it keeps its line. None of those in `without`. Raises ConfigError.
    """
    there = read_enrolments(layout.enrolments)
    lines = [
        enrolment_line(one, command)
        for one in there.found.values()
        if one.answers(now) and f"{ENROLS}{one.id}" not in without
    ]
    broken = (f"{ENROLS}{id_}" for id_ in there.broken)
    return lines, [word for word in broken if word not in without]


def nodes_after(registry: Registry, without: Collection[str], also: Sequence[Node]) -> list[Node]:
    """Return the registry's nodes with `also` in place of those named in `without`, in the order
    of their files.
    """
    nodes = [*(node for node in registry.nodes.values() if node.name not in without), *also]
    return sorted(nodes, key=lambda node: f"{node.name}.toml")


def present_keys(layout: Layout) -> bytes:
    """Return all lines that sshd accepts, as one key file would have them. Raises ConfigError."""
    return read_places(layout.authorized_keys).present


def write_keys(
    layout: Layout,
    command: GateCommand,
    *,
    without: Collection[str] = (),
    also: Sequence[Node] = (),
    registry: Registry | None = None,
) -> None:
    """Make the keys that sshd accepts match the registry, under `locked`. `registry`: as read under
    the same lock. Raises ConfigError.
    """
    registry = registry or read_registry(layout.nodes)
    there = read_places(layout.authorized_keys)
    exchange = Exchange(registry=registry, without=without, also=also)
    wanted = keys_after(layout, there.present, registry, command, without=without, also=also)
    forget(layout.nodes, registry.nodes, exchange.names)
    write_places(there, wanted)
    vanished = vanished_lines(there.present, wanted)
    note_vanished(layout, exchange, vanished)
    update_index(layout.nodes, registry.nodes, exchange.names | registry.broken)


def note_vanished(layout: Layout, exchange: Exchange, vanished: bytes) -> None:
    """Record the ports of key lines that vanished, and of nodes that went, as far as nobody has
    them after the change.
    """
    registry = exchange.registry
    before = owners_of(vanished)
    gone = [registry.nodes[NodeName(one)] for one in exchange.without if one in registry.nodes]
    before |= {port: node.name for node in gone for port in node.ports}
    before |= ports_in_files(layout, registry.broken.intersection(exchange.without))
    note_freed(layout, exchange, before)


def move_keys(layout: Layout, command: GateCommand, stand: Stand, why: str = "") -> None:
    """Have the keys belong in another place, under `locked`; the registry says which they are.
    Raises ConfigError.
    """
    there = read_places(layout.authorized_keys)
    if surely_follow(layout, there, read_registry(layout.nodes, {}), command):
        move(there, stand, there.present, why)
        return
    write_keys(layout, command)
    there, wanted = keys_as_wanted(layout, command)
    move(there, stand, wanted, why)


def ports_in_files(layout: Layout, broken: Iterable[NodeName]) -> dict[Port, NodeName]:
    """Return the ports that these broken files seem to name, and whose each is."""
    return {port: name for name in broken for port in ports_named(node_path(layout, name))}


def note_freed(layout: Layout, exchange: Exchange, before: Mapping[Port, NodeName]) -> None:
    """Record which of these ports belong to nobody after a change. If that fails, log it, and go on
    with the change.
    """
    registry = exchange.registry
    if not (before or registry.freed or registry.freed_trouble):
        return
    in_use = {*exchange.after.ports(), *ports_in_files(layout, exchange.broken)}
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
    present: bytes = b"",
) -> tuple[str, ...]:
    """Return the shared key's lines, if it is enabled. They permit the ports of nodes without a key
    of their own, on all addresses if they are public, and the ports of its range that belong to no
    node.

    A port that a broken file names is permitted only as far as the `present` key file permits it
    now.
    """
    if not key.enabled:
        return ()
    owned = {port for node in nodes for port in node.ports}
    forwards = [
        forward for node in nodes if node.is_shared and node.enabled for forward in node.forwards
    ]
    public = [port for forward in forwards if forward.public for port in forward.ports]
    public += sorted(shared_ports_of(present, "*") & set(broken_ports) - owned)
    own = [port for forward in forwards for port in forward.ports]
    own += sorted(shared_ports_of(present) & set(broken_ports) - owned)
    taken = {*broken_ports, *owned}
    ports = [*own, *(port for port in key.ports if port not in taken)]
    public = public[:MOST_PORTS]
    ports = ports[: MOST_PORTS - len(public)]
    return shared_lines(key.public_keys, ports, command, own=own[:MOST_PORTS], public=public)
