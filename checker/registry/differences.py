"""How two readings of the registry differ."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName, Port
from checker.registry.node_rows import node_list
from checker.registry.nodes import Registry


class Differences:
    """How a reading of the registry differs from the one before."""

    def __init__(self, before: Registry, after: Registry) -> None:
        self.before, self.after = before, after
        self.names = differing(before, after)
        """The nodes that came, went, or are not as they were."""

    def renames(self) -> tuple[tuple[NodeName, NodeName], ...]:
        """Return the old and new name of each node that is gone and whose key a new node has."""
        old, new = self.before.nodes, self.after.nodes
        changed = sorted(self.names)
        came = {
            node.public_key: node.name
            for node in (new[name] for name in changed if name in new)
            if node.name not in old and not node.is_shared
        }
        gone = [
            old[name]
            for name in changed
            if name in old and name not in new and name not in self.after.broken
        ]
        return tuple((node.name, came[node.public_key]) for node in gone if node.public_key in came)

    def added_ports(self) -> set[tuple[NodeName, Port]]:
        """Return the ports that nodes got beside others; of a new node: those that its file marks
        as added.
        """
        found = set()
        for node in (self.after.nodes[name] for name in self.names if name in self.after.nodes):
            old = self.before.nodes.get(node.name)
            for forward in node.forwards if len(node.forwards) > 1 else ():
                is_new = forward.port_at > 0 if old is None else forward.port not in old.ports
                if is_new:
                    found.add((node.name, forward.port))
        return found

    def gone(self) -> list[NodeName]:
        """Return the nodes that have no file any more."""
        return [name for name in self.names - self.after.broken if name not in self.after.nodes]

    def rekeyed(self) -> list[NodeName]:
        """Return the nodes whose key was replaced, and whose file can be read."""
        old, new = self.before.nodes, self.after.nodes
        return [
            name
            for name in self.names - self.after.broken
            if name in old and name in new and old[name].public_key != new[name].public_key
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
