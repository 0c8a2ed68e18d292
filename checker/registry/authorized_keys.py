"""Derive the key file from the registry, and write it if it is ours to write.

On an installed gateway only root's commands may write it. The daemon there reports that it is out
of date.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.model import ENROLS, MOST_PORTS, Node, NodeName, Port, SharedKey
from checker.registry.enrolments import read_enrolments
from checker.registry.freed_ports import freed_after, freed_path, freed_toml, owners_of_vanished
from checker.registry.kept_rights import shared_ports_of
from checker.registry.key_lines import GateCommand, enrolment_line, merge, shared_lines
from checker.registry.lock import is_ours, locked, undisturbed
from checker.registry.node_file import ports_named
from checker.registry.nodes import Registry
from checker.registry.reading import node_path, read_registry

log = logging.getLogger(__name__)


class KeysLag(ConfigError):
    """The key file does not match the registry, and we may not write it."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            layout.authorized_keys,
            "does not follow the registry, which was edited by hand; run: sudo reversi-checker"
            " init",
        )


def keys_lag(layout: Layout) -> bool:
    """Return whether the key file must be written again. Raises ConfigError."""
    with undisturbed(layout):
        present, wanted = keys_as_wanted(layout, gate_command(layout))
    return present != wanted


def key_sign(layout: Layout) -> tuple[int, int, int] | None:
    """Return the key file's inode, mtime in nanoseconds and size, which change when it does; None
    if there is no key file.
    """
    try:
        found = layout.authorized_keys.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def update_keys(layout: Layout) -> None:
    """Write the key file if it is ours to write. Raises ConfigError; KeysLag if it is not ours and
    is out of date.
    """
    if is_ours(layout):
        with locked(layout):
            write_keys(layout, gate_command(layout))
    elif keys_lag(layout):
        raise KeysLag(layout)


def gate_command(layout: Layout) -> GateCommand:
    """Return the forced command of this installation."""
    gate = Path(__file__).parents[1] / "gate.py"
    return GateCommand(
        python=sys.executable, gate=str(gate), home=str(layout.home) if layout.home else ""
    )


def keys_as_wanted(layout: Layout, command: GateCommand) -> tuple[bytes, bytes]:
    """Return the key file as it is, and as the registry wants it. A node whose file is broken keeps
    the lines that it has. Raises ConfigError.
    """
    return keys_after(layout, read_registry(layout.nodes), command)


def keys_after(
    layout: Layout,
    registry: Registry,
    command: GateCommand,
    *,
    without: Collection[str] = (),
    also: Sequence[Node] = (),
) -> tuple[bytes, bytes]:
    """Return the key file as it is, and as the registry wants it once the nodes `also` have
    replaced those named in `without`; `+ID` names an enrolment that ends. Raises ConfigError.
    """
    present = present_keys(layout)
    nodes = sorted(nodes_after(registry, without, also), key=lambda node: f"{node.name}.toml")
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
    return present, merge(
        present, whole, command, keep={*broken, *unread}, shared=(*shared, *enrolling)
    )


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
    """Return the registry's nodes with `also` in place of those named in `without`."""
    return [*(node for node in registry.nodes.values() if node.name not in without), *also]


def present_keys(layout: Layout) -> bytes:
    """Read the key file; empty if there is none. Raises ConfigError."""
    try:
        return layout.authorized_keys.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ConfigError(
            layout.authorized_keys, f"cannot be read ({error.strerror}); check its permissions"
        ) from error


def write_keys(
    layout: Layout,
    command: GateCommand,
    *,
    without: Collection[str] = (),
    also: Sequence[Node] = (),
) -> None:
    """Write the key file if it does not match the registry; a symbolic link stays one. Raises
    ConfigError.
    """
    registry = read_registry(layout.nodes)
    present, wanted = keys_after(layout, registry, command, without=without, also=also)
    is_new = not layout.authorized_keys.exists()
    if wanted != present or is_new:
        path = Path(os.path.realpath(layout.authorized_keys))
        write_atomically(path, wanted, mode=0o644)
        if is_new:  # in a closed directory, too: sshd reads it as the tunnel user
            path.chmod(0o644)
    before = owners_of_vanished(present, wanted)
    gone = [node for name, node in registry.nodes.items() if name in without]
    before |= {port: node.name for node in gone for port in node.ports}
    before |= ports_in_files(layout, registry.broken.intersection(without))
    note_freed(layout, registry, before, without=without, also=also)


def ports_in_files(layout: Layout, broken: Iterable[NodeName]) -> dict[Port, NodeName]:
    """Return the ports that these broken files seem to name, and whose each is."""
    return {port: name for name in broken for port in ports_named(node_path(layout, name))}


def note_freed(
    layout: Layout,
    registry: Registry,
    before: Mapping[Port, NodeName],
    *,
    without: Collection[str],
    also: Sequence[Node],
) -> None:
    """Record which of these ports belong to nobody after a change. If that fails, log it, and go on
    with the change.
    """
    in_use = {port for node in nodes_after(registry, without, also) for port in node.ports}
    in_use |= ports_in_files(layout, registry.broken.difference(without)).keys()
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
