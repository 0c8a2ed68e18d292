"""The daemon's record of each node as last read: it describes nodes whose file is broken.

It grants no rights: what a broken node may do is what its key lines allow
(`checker.registry.kept_rights`). No code that changes the registry or the key file reads it. It is
kept beside the state file, so it survives a restart, and it may be missing.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from checker.config.layout import Layout
from checker.model import (
    CheckerError,
    Node,
    NodeName,
    Port,
    parse_calls_itself,
    parse_expect,
    parse_note,
    parse_public_key,
    parse_tags,
    parse_target,
)
from checker.registry.beating_every import is_well
from checker.registry.file_stamps import Signs, Stamp, is_settled, signs, stamp_of
from checker.registry.indexed_nodes import IndexedNodes
from checker.registry.kept_rights import described
from checker.registry.node_rows import node_from_row, node_list
from checker.registry.nodes import Registry
from checker.registry.reading import Cache, read_registry
from checker.registry.snapshot import copy_path, share, write_copy, write_each

log = logging.getLogger(__name__)
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A node as its file last said."""

    node: Node
    changed_at: float
    """When that file last changed, in Unix seconds."""


def record_path(layout: Layout) -> Path:
    """Return the record's path."""
    return layout.state.with_name("last-good.json")


def read_known(layout: Layout, cache: Cache | None = None) -> Registry:
    """Read the registry, and describe nodes with a broken file from the record. Raises ConfigError,
    as `read_registry` does.
    """
    registry = read_registry(layout.nodes, cache)
    if not registry.broken:
        return registry
    hides_keys = any(
        path.exists() and not os.access(path, os.R_OK, effective_ids=True)
        for path in (layout.authorized_keys, layout.key_list)
    )
    return with_known(registry, load_record(layout, registry.broken), hides_keys=hides_keys)


def with_known(
    registry: Registry, known: Mapping[NodeName, Recorded], *, hides_keys: bool = False
) -> Registry:
    """Describe each broken node as it was last known, within the rights that it still has.

    `hides_keys`: this account may not read the key file, which says them, so believe the record.
    """
    indexed = registry.indexed
    nodes = dict(indexed.entries)
    owned = {right: name for right, name in indexed.owners().items() if isinstance(right, int)}
    for name in registry.broken.intersection(known):
        node = known[name].node
        if hides_keys:
            nodes[name] = node
        elif name in nodes:
            nodes[name] = described(registry.nodes[name], node)
        else:
            nodes[name] = without_key_line(node, owned)
    ordered = sorted(nodes.items(), key=lambda pair: f"{pair[0]}.toml")
    after = IndexedNodes(dict(ordered), indexed.basis)
    files = tuple(
        replace(one, rights_of=known[one.name].changed_at)
        if one.name in known and keeps(after.get(one.name))
        else one
        for one in registry.broken_files
    )
    return replace(
        registry,
        nodes=after,
        broken_files=files,
        problems=tuple(one.sentence for one in files),
    )


def without_key_line(node: Node, owned: dict[Port, NodeName]) -> Node:
    """Return a recorded node without a key line, on the ports that no other node has.

    Enters its ports into `owned`. Unless its device uses the shared key, it is disabled, so that
    whoever holds its ports must end.
    """
    forwards = tuple(
        forward
        if forward.next_port is None or owned.setdefault(forward.next_port, node.name) == node.name
        else replace(forward, next_port=None)
        for forward in node.forwards
        if owned.setdefault(forward.port, node.name) == node.name
    )
    if node.is_shared and node.enabled:
        return replace(node, next_key=None, forwards=forwards)
    return replace(node, forwards=forwards, enabled=False)


def keeps(node: Node | None) -> bool:
    """Return whether the node has any rights."""
    return node is not None and node.enabled


def load_record(layout: Layout, names: Collection[NodeName]) -> dict[NodeName, Recorded]:
    """Load these nodes from the record; none if it cannot be read, or is not as we write it."""
    try:
        document = json.loads(record_path(layout).read_bytes())
        if document["format"] != FORMAT:
            return {}
        found = {
            row[0]: Recorded(node=node_from_row(row), changed_at=float(at))
            for at, row in document["nodes"]
            if row[0] in names
        }
        for known in found.values():
            if known.node.calls_itself:
                parse_calls_itself(known.node.calls_itself)
            parse_tags(known.node.tags)
            parse_note(known.node.note)
            if known.node.probe_beating_every_s is not None and not is_well(
                known.node.probe_beating_every_s
            ):
                return {}
            for forward in known.node.forwards:
                parse_target(str(forward.target))
                parse_expect(str(forward.expect))
                if forward.host_key:
                    parse_public_key(forward.host_key)
                # another account may write the record, and root sees what it says
                if not str(forward.expect).isprintable():
                    return {}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        AttributeError,
        RecursionError,
        CheckerError,
    ):
        return {}
    return found


def write_record(layout: Layout, registry: Registry, read: Signs, *, public: bool) -> None:
    """Record the nodes whose file is good, and keep the record of the broken ones. Raises
    OSError.
    """
    changed_ns = {entry[0]: entry[2] for entry in read}
    before = load_record(layout, registry.broken) if registry.broken else {}
    good = (
        (changed_ns.get(f"{name}.toml", 0) / 1e9, node_list(node))
        for name, node in registry.nodes.items()
        if name not in registry.broken
    )
    kept = ((known.changed_at, node_list(known.node)) for known in before.values())
    path = record_path(layout)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f'{{"format":{FORMAT},"nodes":[')
        write_each(file, chain(good, kept), before="\n")
        file.write("\n]}\n")
        file.flush()
        share(file.fileno(), layout.nodes, public=public)
        os.fsync(file.fileno())
    temporary.replace(path)


def renew_copy(layout: Layout, cache: Cache, now_ns: int) -> Stamp | None:
    """Update copy and record from the registry, and return its stamp. None if a file changed just
    before `now_ns`: the caller must try again.

    A registry with an unreadable file has no copy, so that each reader learns it from the file
    itself. Raises OSError, ConfigError.
    """
    read, public = signs(layout.nodes)
    if not all(is_settled(changed_ns, now_ns) for _, _, changed_ns, _ in read):
        return None
    registry = read_registry(layout.nodes, cache)
    if registry.problems:
        copy_path(layout).unlink(missing_ok=True)
    else:
        write_copy(layout, registry.nodes, read, public=public)
    try:
        write_record(layout, registry, read, public=public)
    except OSError as error:  # it may be missing: it only describes broken nodes
        log.warning(
            "%s cannot be written (%s); check free space and permissions there",
            record_path(layout),
            error.strerror,
        )
    return stamp_of(read)
