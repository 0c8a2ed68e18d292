"""The registry: what the admin decided, one TOML file a node under `nodes/`, and the key file that
follows from it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from checker.config.files import sync_folder, write_atomically, write_changed
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.model import Node, NodeName, Port
from checker.registry.authorized_keys import write_keys
from checker.registry.edits import with_moved_alone, with_new_key_alone, with_rights_since
from checker.registry.key_lines import GateCommand
from checker.registry.node_file import node_toml
from checker.registry.nodes import NameTaken, SharedKeyTaken, UnknownNode, conflict
from checker.registry.publications import unbindable
from checker.registry.reading import node_path, read_registry
from checker.registry.waiting import waiting_path, waiting_toml

log = logging.getLogger(__name__)


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
            write_atomically(path, node_toml(after, present(path)), mode=0o644)
            write_waiting(path, after)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            path, f"can not be changed ({error.strerror}); check the permissions of {path.parent}"
        ) from error


def present(path: Path) -> bytes:
    """What a node's file says now; nothing if there is none, or it is not ours to read."""
    try:
        return beginning(path, MOST_BYTES)
    except ConfigError:
        return b""


def write_waiting(path: Path, after: Node) -> None:
    """What waits for the node's device, beside the node's file. Raises ConfigError, OSError."""
    if content := waiting_toml(after):
        write_changed(waiting_path(path), content, mode=0o644)
    else:
        waiting_path(path).unlink(missing_ok=True)
