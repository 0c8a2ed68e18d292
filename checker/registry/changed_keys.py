"""Write only the keys that a change of the registry concerns.

`authorized_keys.write_keys` derives all lines again, and compares them with what is there. With
30,000 nodes that takes seconds, so an edit replaces the lines of the nodes that it changes, and of
those whose files somebody edited since the index was written (`checker.registry.index`). Whenever
that may not be enough, all lines are derived again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.model import ENROLS, Node, NodeName
from checker.registry.authorized_keys import (
    enrolment_lines,
    gate_command,
    lines_of_shared,
    note_vanished,
    present_keys,
    write_keys,
)
from checker.registry.changed_lines import changed, count_of_nodes, spans_in
from checker.registry.index import forget, update_index
from checker.registry.indexed_nodes import IndexedNodes
from checker.registry.key_files import SPLIT, owners_in
from checker.registry.key_lines import GateCommand, render_lines
from checker.registry.key_places import Places, read_places, write_part
from checker.registry.lock import locked, undisturbed
from checker.registry.nodes import Exchange, Registry
from checker.registry.reading import read_registry
from checker.wire import ANY_NODE

ENROLLING = SPLIT + ENROLS.encode()
PART = 8
"""If more than one in so many nodes changed, it is faster to write all."""


def write_changed_keys(
    layout: Layout,
    command: GateCommand,
    registry: Registry,
    *,
    without: Collection[str] = (),
    also: Sequence[Node] = (),
) -> None:
    """Make the keys that sshd accepts match the registry, as read under the same lock, once the
    nodes `also` have replaced those named in `without`. Raises ConfigError.
    """
    exchange = Exchange(registry=registry, without=without, also=also)
    there = read_places(layout.authorized_keys)
    names = concerned(exchange)
    part = None if names is None else part_of(layout, command, exchange, there, names)
    if part is None:
        write_keys(layout, command, without=without, also=also, registry=registry)
        return
    change = changed(there.lines, part.owners, part.lines, part.spans)
    forget(layout.nodes, registry.nodes, exchange.names)
    write_part(there, change)
    note_vanished(layout, exchange, change.vanished)
    update_index(layout.nodes, registry.nodes, exchange.names | registry.broken)


def part_lags(layout: Layout, registry: Registry, names: Collection[NodeName]) -> bool | None:
    """Return whether the key lines of these nodes, or those of no node, differ from the registry;
    None if that takes a look at all lines. Raises ConfigError.
    """
    exchange = Exchange(registry=registry)
    if len(names) * PART > len(registry.nodes):
        return None
    with undisturbed(layout):
        there = read_places(layout.authorized_keys)
        own = frozenset(names) - exchange.broken
        part = part_of(layout, gate_command(layout), exchange, there, own)
        if part is None:
            return None
        return {there.lines[start:end] for start, end in part.spans} != {*part.lines}


def renew_index(layout: Layout) -> None:
    """Have the index know the files as they are, and the keys follow them. Raises ConfigError."""
    with locked(layout):
        write_changed_keys(layout, gate_command(layout), read_registry(layout.nodes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The lines that some owners should have."""

    owners: frozenset[str]
    lines: tuple[bytes, ...]
    spans: Sequence[tuple[int, int]]
    """Where the lines stand that they have now."""


def part_of(
    layout: Layout,
    command: GateCommand,
    exchange: Exchange,
    there: Places,
    names: Collection[NodeName],
) -> Part | None:
    """Return the lines that these nodes, the shared key and enrolments should have;
    None if all lines must be derived again. Raises ConfigError.
    """
    if there.is_spread:
        return None
    after = exchange.after
    nodes = [after[name] for name in sorted(after.keys() & names, key=lambda name: f"{name}.toml")]
    lines = [line for node in nodes for line in render_lines(node, command)]
    others, unread = lines_of_no_node(layout, command, exchange)
    owners = {*names, ANY_NODE, *(one for one in enrolling_in(there.lines) if one not in unread)}
    part = Part(
        owners=frozenset(owners),
        lines=tuple(f"{line}\n".encode() for line in (*lines, *others)),
        spans=spans_in(there.lines, owners),
    )
    goes = count_of_nodes(b"".join(there.lines[start:end] for start, end in part.spans))
    count = count_of_nodes(there.lines) - goes + count_of_nodes(b"".join(part.lines))
    return part if count == wanted_count(after, exchange.broken, there) else None


def concerned(exchange: Exchange) -> frozenset[NodeName] | None:
    """Return the nodes whose key lines may have to change; None: all."""
    nodes = exchange.registry.nodes
    if not isinstance(nodes, IndexedNodes) or not nodes.basis.rows:
        return None
    names = {*exchange.names, *nodes.basis.reread, *nodes.basis.gone} - exchange.broken
    return frozenset(map(NodeName, names)) if len(names) * PART <= len(nodes) else None


def lines_of_no_node(
    layout: Layout, command: GateCommand, exchange: Exchange
) -> tuple[tuple[str, ...], list[str]]:
    """Return the lines of the shared key and of enrolments, and whose lines stay as they are.
    Raises ConfigError.
    """
    key = load_config(layout.config).shared_key
    shared: tuple[str, ...] = ()
    if key.enabled:
        nodes = [*exchange.after.values()]
        taken = exchange.registry.broken_ports
        shared = lines_of_shared(key, nodes, taken, command, present_keys(layout))
    enrolling, unread = enrolment_lines(layout, command, exchange.without, time.time())
    return (*shared, *enrolling), unread


def enrolling_in(content: bytes) -> Iterator[str]:
    """Yield the enrolments that have a line."""
    at = content.find(ENROLLING)
    while at >= 0:
        start, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
        yield from owners_in(content[start : len(content) if end < 0 else end])
        at = content.find(ENROLLING, at + 1)


def wanted_count(after: IndexedNodes, kept: Collection[NodeName], there: Places) -> int:
    """Return how many lines nodes should have; broken ones have what they had."""
    whole = after.with_others(dict.fromkeys(kept)) if kept else after
    return whole.count_of_keys() + sum(
        there.lines.count(SPLIT + name.encode() + b"\n") for name in kept
    )
