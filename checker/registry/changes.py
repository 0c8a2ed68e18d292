"""Change the registry: one TOML file per node under `nodes/`, and the key file."""

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
from checker.model import InvalidValue, Node, NodeName, Port
from checker.registry.authorized_keys import write_keys
from checker.registry.changed_keys import write_changed_keys
from checker.registry.edits import with_rights_since, without_old_key, without_old_port
from checker.registry.enrolments import refuse_enrolling_key
from checker.registry.host_key_value import why_not_shared
from checker.registry.key_lines import GateCommand
from checker.registry.node_file import node_toml
from checker.registry.nodes import NameTaken, Registry, SharedKeyTaken, UnknownNode, conflict
from checker.registry.pin_files import pins_path
from checker.registry.publications import unbindable
from checker.registry.reading import node_path, read_registry
from checker.registry.reasons import reason_path
from checker.registry.waiting import waiting_path, waiting_toml

log = logging.getLogger(__name__)


def kept_key_path(layout: Layout, name: NodeName) -> Path:
    """Return the path of a node's private key. The file exists if the admin had the key kept."""
    return layout.nodes / f"{name}.key"


def add(
    layout: Layout, node: Node, command: GateCommand, *, registry: Registry | None = None
) -> None:
    """Register a node, under `locked`; all of it or nothing. `registry`: as read under the same
    lock. Raises NameTaken, PortTaken, PortTwice, KeyTaken, ConfigError.
    """
    if os.path.lexists(node_path(layout, node.name)):
        raise NameTaken(node.name)
    change(layout, node.name, node, command, registry=registry)


def remove(
    layout: Layout,
    name: NodeName,
    command: GateCommand,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Remove a node, under `locked`. Raises UnknownNode, ConfigError, and what `meanwhile`
    raises.
    """
    if not os.path.lexists(node_path(layout, name)):
        raise UnknownNode(name)
    change(layout, name, None, command, meanwhile=meanwhile)


def change(  # noqa: PLR0913 - what is changed, what happens meanwhile, and what is known
    layout: Layout,
    name: NodeName,
    after: Node | None,
    command: GateCommand,
    *,
    meanwhile: Callable[[], None] = lambda: None,
    registry: Registry | None = None,
) -> None:
    """Replace the node of that name with `after`, under `locked`; all of it or nothing.
    `registry`: as read under the same lock.

    Write the key file first. Then call `meanwhile`, which ends connections that are no longer
    allowed: now they cannot come back. Then write the node's own file. Raises NameTaken, PortTaken,
    PortTwice, KeyTaken, ConfigError, and what `meanwhile` raises.
    """
    registry = registry or read_registry(layout.nodes)
    if after is not None:
        refuse_conflict(layout, name, after, registry)
        after = with_rights_since(registry.nodes.get(name), after, int(time.time()))
    write_changed_keys(layout, command, registry, without={name}, also=(after,) if after else ())
    try:
        meanwhile()
        write_node(layout, name, after)
    except BaseException:
        with contextlib.suppress(ConfigError):  # report the first error
            write_keys(layout, command)
        raise


def use_new_key(
    layout: Layout, name: NodeName, command: GateCommand, port: Port | None = None
) -> Node:
    """Drop the node's old key, or the port that `port` replaces, under `locked`. Raises
    UnknownNode, FileBroken, ConfigError.
    """
    registry = read_registry(layout.nodes)
    registry.refuse_broken(name)
    before = registry.node(name)
    after = without_old_key(before) if port is None else without_old_port(before, port)
    change(layout, name, after, command, registry=registry)
    return after


def refuse_conflict(layout: Layout, name: NodeName, after: Node, registry: Registry) -> None:
    """Check that `after` may take that node's place in the registry. Raises what `conflict` and
    `unbindable` find, NameTaken, SharedKeyTaken, KeyEnrols, FileBroken, InvalidValue.
    """
    if after.name != name and os.path.lexists(node_path(layout, after.name)):
        raise NameTaken(after.name)
    if set(after.public_keys).intersection(load_config(layout.config).shared_key.public_keys):
        raise SharedKeyTaken(after.name)
    refuse_enrolling_key(layout, after.public_keys)
    if why := why_not_shared(after):
        raise InvalidValue(why)
    registry.refuse_broken(name)
    others = registry.rivals(after, name)
    trouble = conflict(after, others) or unbindable(after, others)
    if trouble is not None:
        raise trouble


def write_node(layout: Layout, name: NodeName, after: Node | None) -> None:
    """Write the node's file, and those beside it, as they must be after a change. Raises
    ConfigError.
    """
    path = node_path(layout, name)
    try:
        if after is None:
            beside = (path_of(layout, name) for path_of in (kept_key_path, pins_path, reason_path))
            delete_node(path, *beside)
        elif after.name != name:
            rename_node(layout, name, after)
        else:
            write_atomically(path, node_toml(after, present_text(path)), mode=0o644)
            write_waiting(path, after)
        if after is not None and after.enabled:
            reason_path(layout, after.name).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(
            path, f"cannot be changed ({error.strerror}); check the permissions of {path.parent}"
        ) from error


def delete_node(path: Path, *beside: Path) -> None:
    """Delete a node's file and those beside it; move a directory in its place aside. Raises
    OSError.
    """
    for other in beside:
        other.unlink(missing_ok=True)
    if path.is_dir() and not path.is_symlink():
        # not made by us: do not delete it
        path.rename(path.with_name(f".{path.name}.removed-{time.time_ns()}"))
    else:
        path.unlink()
    waiting_path(path).unlink(missing_ok=True)


def rename_node(layout: Layout, name: NodeName, after: Node) -> None:
    """Rename a node's file and those beside it. Raises ConfigError, OSError."""
    old, new = node_path(layout, name), node_path(layout, after.name)
    for path_of in (kept_key_path, pins_path, reason_path):
        beside = path_of(layout, name)
        if beside.exists():
            beside.replace(path_of(layout, after.name))
    # first: without it, the renamed node would not have its next port
    write_waiting(new, after)
    old.replace(new)
    waiting_path(old).unlink(missing_ok=True)


def present_text(path: Path) -> bytes:
    """Read what a node's file says now; empty if there is no file, or we cannot read it."""
    try:
        return beginning(path, MOST_BYTES)
    except ConfigError:
        return b""


def write_waiting(path: Path, after: Node) -> None:
    """Write what waits for the node's device, beside the node's file. Raises ConfigError,
    OSError.
    """
    if content := waiting_toml(after):
        write_changed(waiting_path(path), content, mode=0o644)
    else:
        waiting_path(path).unlink(missing_ok=True)
