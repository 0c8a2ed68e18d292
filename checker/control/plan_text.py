"""What a change to the registry would do, a line each: the text of dry runs and questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checker.config.layout import Layout
from checker.control.node_changes import NodeChange
from checker.control.notices import Clause
from checker.model import Node, NodeName
from checker.registry.changes import kept_key_path
from checker.registry.reading import node_path


def change_lines(change: NodeChange) -> Iterator[str]:
    """What the change does."""
    yield from clause_lines(change.before.name, change.clauses)
    for aim in change.aims:
        yield f"end the tunnel on port {aim.port}"


def clause_lines(name: NodeName, clauses: Iterable[Clause]) -> Iterator[str]:
    """What differs at the node."""
    for port, text in clauses:
        yield f"change {name}{f':{port}' if port else ''}: {text}"


def removal_lines(layout: Layout, name: NodeName, node: Node | None) -> Iterator[str]:
    """What goes with a node; None: its file is broken, and it has no rights."""
    yield f"remove node {name}: {node_path(layout, name)}"
    kept = kept_key_path(layout, name)
    if kept.exists():
        yield f"delete its private key, which was kept in {kept}"
    if node is None:
        return
    if node.public_keys:
        yield "reject its key: its device cannot log in again"
    if node.ports:
        ports = ", ".join(map(str, node.ports))
        what = "port" if len(node.ports) == 1 else "ports"
        yield f"free {what} {ports} for other nodes"
    for forward in node.forwards:
        for publication in forward.published:
            yield f"close the public port {publication}"
    if node.ports:
        yield "end its tunnel"
