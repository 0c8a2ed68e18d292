"""What follows from the registry: the key file, for a daemon that may not write it as root's `node`
commands do, and the copy.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError
from checker.model import MOST_PORTS, Node, NodeName, Port, SharedKey
from checker.registry.freed_ports import freed_after, freed_path, freed_toml, owners_of_vanished
from checker.registry.kept_rights import shared_ports_of
from checker.registry.key_lines import GateCommand, merge, shared_lines
from checker.registry.lock import is_ours, locked, undisturbed
from checker.registry.node_file import ports_named
from checker.registry.nodes import Registry
from checker.registry.reading import node_path, read_registry

log = logging.getLogger(__name__)


class KeysLag(ConfigError):
    """The key file does not say what the registry says, and is not ours to write."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            layout.authorized_keys,
            "does not follow the registry, which was edited by hand; run: sudo reversi-checker"
            " init",
        )


def keys_lag(layout: Layout) -> bool:
    """Whether the key file must be written again. Raises ConfigError."""
    with undisturbed(layout):
        present, wanted = keys_as_wanted(layout, gate_command(layout))
    return present != wanted


def key_sign(layout: Layout) -> tuple[int, int, int] | None:
    """What changes when the key file does; None where there is none."""
    try:
        found = layout.authorized_keys.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def follow_registry(layout: Layout) -> None:
    """Write the key file where it is ours to write. Raises ConfigError; KeysLag where it is not,
    and should be written.
    """
    if is_ours(layout):
        with locked(layout):
            write_keys(layout, gate_command(layout))
    elif keys_lag(layout):
        raise KeysLag(layout)


def gate_command(layout: Layout) -> GateCommand:
    """The forced command of this installation."""
    gate = Path(__file__).parents[1] / "gate.py"
    return GateCommand(
        python=sys.executable, gate=str(gate), home=str(layout.home) if layout.home else ""
    )


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
