"""Change many nodes of the registry at once: one key file for all, and a file for each."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import Node, NodeName
from checker.registry.authorized_keys import write_keys
from checker.registry.changed_keys import write_changed_keys
from checker.registry.changes import write_node
from checker.registry.edits import with_rights_since
from checker.registry.key_lines import GateCommand
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry


def change_all(
    layout: Layout,
    nodes: Sequence[Node],
    command: GateCommand,
    *,
    meanwhile: Callable[[], None] = lambda: None,
    registry: Registry | None = None,
) -> dict[NodeName, ConfigError]:
    """Replace each of these nodes, under `locked`, by one of the same name, keys and ports.
    `registry`: as read under the same lock.

    As in `changes.change`, write the key file first, then call `meanwhile`, then write the nodes'
    files. A node whose file cannot be written keeps its rights; return why, by name. Raises
    ConfigError for the key file, and what `meanwhile` raises.
    """
    registry, now = registry or read_registry(layout.nodes), int(time.time())
    after = [with_rights_since(registry.nodes.get(node.name), node, now) for node in nodes]
    names = {node.name for node in after}
    write_changed_keys(layout, command, registry, without=names, also=after)
    failed: dict[NodeName, ConfigError] = {}
    try:
        meanwhile()
        for node in after:
            try:
                write_node(layout, node.name, node)
            except ConfigError as error:
                failed[node.name] = error
    except BaseException:
        with contextlib.suppress(ConfigError):  # report the first error
            write_keys(layout, command)
        raise
    if failed:
        write_keys(layout, command)
    return failed
