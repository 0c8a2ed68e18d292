"""How two readings of the registry differ."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName, Port
from checker.registry.node_rows import node_list
from checker.registry.nodes import Registry


def renames(before: Registry, after: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
    """Return the old and new name of each node that is gone and whose key a new node has."""
    changed = sorted(differing(before, after))
    came = {
        node.public_key: node.name
        for node in (after.nodes[name] for name in changed if name in after.nodes)
        if node.name not in before.nodes and not node.is_shared
    }
    gone = [
        before.nodes[name]
        for name in changed
        if name in before.nodes and name not in after.nodes and name not in after.broken
    ]
    return tuple((node.name, came[node.public_key]) for node in gone if node.public_key in came)


def added_ports(before: Registry, after: Registry) -> set[tuple[NodeName, Port]]:
    """Return the ports that nodes got beside others since `before`; of a node that `before` did not
    have: those that its file marks as added.
    """
    found = set()
    there = (after.nodes[name] for name in differing(before, after) if name in after.nodes)
    for node in there:
        old = before.nodes.get(node.name)
        for forward in node.forwards if len(node.forwards) > 1 else ():
            is_new = forward.port_at > 0 if old is None else forward.port not in old.ports
            if is_new:
                found.add((node.name, forward.port))
    return found


def gone(before: Registry, after: Registry) -> list[NodeName]:
    """Return the nodes that have no file any more."""
    names = differing(before, after) - after.broken
    return [name for name in names if name not in after.nodes]


def rekeyed(before: Registry, after: Registry) -> list[NodeName]:
    """Return the nodes whose key was replaced, and whose file can be read."""
    return [
        name
        for name in differing(before, after) - after.broken
        if name in before.nodes
        and name in after.nodes
        and before.nodes[name].public_key != after.nodes[name].public_key
    ]


def differing(before: Registry, after: Registry) -> frozenset[NodeName]:
    """Return the nodes that came, went, or are not as they were."""
    return frozenset(after.indexed.differing(before.indexed) | (before.broken ^ after.broken))


def is_same(before: Registry, after: Registry) -> bool:
    """Return whether nothing differs between two readings."""
    if replace(before, nodes={}) != replace(after, nodes={}):
        return False
    old, new = before.nodes, after.nodes
    return old.keys() == new.keys() and all(
        node_list(old[name]) == node_list(new[name])
        and old[name].unknown_keys == new[name].unknown_keys
        for name in differing(before, after)
        if name in new
    )
