"""Whose each port and key is: no two nodes of the fleet may have the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checker.model import Node, NodeName, Port
from checker.registry.host_key_value import why_not_shared
from checker.registry.publications import unbindable


@dataclass(kw_only=True)
class Ownership:
    """The owners of ports and keys, as they change while entries are taken."""

    nodes: dict[NodeName, Node] = field(default_factory=dict)
    ports: dict[Port, NodeName] = field(default_factory=dict)
    keys: dict[str, NodeName] = field(default_factory=dict)
    published: dict[NodeName, Node] = field(default_factory=dict)
    """Nodes with a forward that is published."""
    others_keys: Mapping[str, str] = field(default_factory=dict)
    """Keys that no node can have, with a clause that says why."""
    broken_ports: frozenset[Port] = frozenset()
    """Ports that broken files seem to name."""

    def add(self, node: Node) -> None:
        """Enter a node in place of the one of its name."""
        self.remove(node.name)
        self.nodes[node.name] = node
        self.ports.update(dict.fromkeys(node.ports, node.name))
        self.keys.update(dict.fromkeys(node.public_keys, node.name))
        if any(forward.published for forward in node.forwards):
            self.published[node.name] = node

    def remove(self, name: NodeName) -> None:
        before = self.nodes.pop(name, None)
        self.published.pop(name, None)
        for port in before.ports if before else ():
            self.ports.pop(port, None)
        for key in before.public_keys if before else ():
            self.keys.pop(key, None)

    def why_not(self, node: Node) -> str:
        """Say why the node cannot be here, as a clause; empty if it can."""
        return self.taken(node) or self.refused(node)

    def taken(self, node: Node) -> str:
        """Say what of the node belongs to another."""
        for port in node.ports:
            owner = self.ports.get(port, node.name)
            if owner != node.name:
                return f"port {port} belongs to node {owner}"
            if port in self.broken_ports and self.ports.get(port) is None:
                return f"port {port} is named by a file that is broken"
            if node.ports.count(port) > 1:
                return f"it asks for port {port} twice"
        for key in node.public_keys:
            owner = self.keys.get(key, node.name)
            if owner != node.name:
                return f"its public key belongs to node {owner}"
            if key in self.others_keys:
                return f"its public key {self.others_keys[key]}"
        return ""

    def refused(self, node: Node) -> str:
        """Say what else is wrong with the node."""
        others = (one for name, one in self.published.items() if name != node.name)
        trouble = why_not_shared(node) or unbindable(node, others)
        return str(trouble) if trouble else ""


def owners_of(
    nodes: Iterable[Node],
    others_keys: Mapping[str, str],
    broken_ports: frozenset[Port] = frozenset(),
) -> Ownership:
    """Return the owners before anything is taken."""
    owners = Ownership(others_keys=others_keys, broken_ports=broken_ports)
    for node in nodes:
        owners.add(node)
    return owners
