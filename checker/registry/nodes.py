"""The registry as a value: nodes, their ports and keys, and what conflicts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from checker.model import CheckerError, Forward, ForwardRequest, FreedPort, Node, NodeName, Port
from checker.registry.kept_rights import BrokenFile

Freed = Mapping[Port, FreedPort]
"""Ports freed lately."""


class UnknownNode(CheckerError):
    """No node of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no node {name!r}; see: reversi-checker node list")


class NameTaken(CheckerError):
    """A node of that name is there."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"node {name} is registered already; choose another name, or run: reversi-checker node"
            f" remove {name}"
        )


class PortTaken(CheckerError):
    """Two forwards asked for one port."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} belongs to node {holder}; choose another, or run: reversi-checker node"
            f" remove {holder}"
        )


class PortTwice(CheckerError):
    """One node asked for a port twice."""

    def __init__(self, port: Port, name: NodeName) -> None:
        super().__init__(
            f"node {name} asks for port {port} twice; give each forward a port of its own"
        )


class KeyTaken(CheckerError):
    """Two nodes asked for one key: the gateway could not tell them apart."""

    def __init__(self, holder: NodeName) -> None:
        super().__init__(
            f"that public key belongs to node {holder}; each node needs a key of its own"
        )


class SharedKeyTaken(CheckerError):
    """A node asked for the key of all: every device would pass for it."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"that public key is the shared one ([shared_key] in reversi.toml); node {name} needs a"
            " key of its own"
        )


class FileBroken(CheckerError):
    """A change to a node whose file does not count: to write it anew could lose what the admin
    meant.
    """

    def __init__(self, broken: BrokenFile) -> None:
        super().__init__(
            f"{broken.sentence}; mend the file first: until then only node disable and node remove"
            " work on it"
        )


class PortsUsedUp(CheckerError):
    """No port of the range is free."""

    def __init__(self, ports: range) -> None:
        super().__init__(
            f"every port from {ports.start} to {ports.stop - 1} is allotted; widen ports in"
            " reversi.toml"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All nodes as read, and a sentence for each file that could not be."""

    nodes: MappingProxyType[NodeName, Node] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()
    broken_ports: frozenset[Port] = frozenset()
    """Ports that those files seem to name: they may be allotted to nobody else."""
    broken: frozenset[NodeName] = frozenset()
    """Names whose file is there and does not count: they keep their key line and lose nothing.
    `nodes` has those that keep any rights.
    """
    broken_files: tuple[BrokenFile, ...] = ()
    """The same, with the reason of each."""
    freed: Freed = field(default_factory=lambda: MappingProxyType({}))
    """Ports that belonged to a node lately: allotted last."""
    freed_trouble: str = ""
    """Why they cannot be read, as a sentence."""

    @property
    def unknown_keys(self) -> str:
        """A sentence about keys of nodes' files that this version does not know; empty if there
        are none.
        """
        having = [node for node in self.nodes.values() if node.unknown_keys]
        if not having:
            return ""
        first = having[0]
        clause = f"node {first.name}: {'; '.join(first.unknown_keys)}"
        others = f", and so in {len(having) - 1} other nodes' files" if len(having) > 1 else ""
        return f"{clause}{others}; such keys are kept and have no effect"

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """Every forward, in order of node and as the admin gave them."""
        return tuple(forward for node in self.nodes.values() for forward in node.forwards)

    def with_node(self, node: Node) -> Registry:
        """The same, with this node in the place of the one of that name."""
        return replace(self, nodes=MappingProxyType({**self.nodes, node.name: node}))

    def owner(self, port: int) -> Node | None:
        """The node that may listen on the port."""
        return next((node for node in self.nodes.values() if port in node.ports), None)

    def broken_file(self, name: str) -> BrokenFile | None:
        """What is wrong with the file of that name; None if nothing is."""
        return next((one for one in self.broken_files if one.name == name), None)

    def refuse_broken(self, name: str) -> None:
        """Raises FileBroken if the file of that name is broken."""
        broken = self.broken_file(name)
        if broken is not None:
            raise FileBroken(broken)

    def node(self, name: str) -> Node:
        """The node of that name. Raises UnknownNode, and FileBroken if its file is broken and it
        has no rights left.
        """
        if name not in self.nodes:
            self.refuse_broken(name)
        try:
            return self.nodes[NodeName(name)]
        except KeyError:
            raise UnknownNode(name) from None


def conflict(node: Node, others: Sequence[Node]) -> CheckerError | None:
    """Why this node can not stand beside the others."""
    ports = node.ports
    twice = next((port for port in ports if ports.count(port) > 1), None)
    if twice is not None:
        return PortTwice(twice, node.name)
    for other in others:
        if other.name == node.name:
            return NameTaken(node.name)
        if set(other.public_keys).intersection(node.public_keys):
            return KeyTaken(other.name)
        taken = set(other.ports).intersection(ports)
        if taken:
            return PortTaken(min(taken), other.name)
    return None


def allot(
    registry: Registry,
    name: NodeName,
    requests: Sequence[ForwardRequest],
    ports: range,
    *,
    deadline_s: float | None = None,
) -> tuple[Forward, ...]:
    """Forwards for the requests; a port that is not asked for is the lowest free one of the range.

    Ports that were freed lately come after all others, the longest freed first. Raises PortsUsedUp.
    """
    taken = registry.broken_ports | {request.port for request in requests}
    taken |= {port for node in registry.nodes.values() for port in node.ports}
    taken |= {
        publication.port for forward in registry.forwards for publication in forward.published
    }
    untaken = [Port(port) for port in ports if port not in taken]
    free = iter(
        [
            *(port for port in untaken if port not in registry.freed),
            *longest_freed(registry.freed, untaken),
        ]
    )
    forwards = []
    for request in requests:
        port = request.port or next(free, None)
        if port is None:
            raise PortsUsedUp(ports)
        forwards.append(
            Forward(
                node=name,
                port=port,
                target=request.target,
                expect=request.expect,
                public=request.public,
                deadline_s=deadline_s,
            )
        )
    return tuple(forwards)


def renames(before: Registry, after: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
    """Nodes that are gone, whose key is that of a node which was not there: old name and new."""
    came = {
        node.public_key: node.name
        for node in after.nodes.values()
        if node.name not in before.nodes and not node.is_shared
    }
    gone = [
        node
        for node in before.nodes.values()
        if node.name not in after.nodes and node.name not in after.broken
    ]
    return tuple((node.name, came[node.public_key]) for node in gone if node.public_key in came)


def with_the_same_key(before: Registry, after: Registry) -> frozenset[NodeName]:
    """Nodes whose key is what it was, or came now, or can not be read."""
    known = before.nodes
    same = (
        name
        for name, node in after.nodes.items()
        if name not in known or known[name].public_key == node.public_key
    )
    return after.broken.union(same)


def longest_freed(freed: Freed, ports: Iterable[Port]) -> list[Port]:
    """These of the freed ports, those that were freed first before the others."""
    return sorted(
        (port for port in ports if port in freed), key=lambda port: (freed[port].freed_at, port)
    )
