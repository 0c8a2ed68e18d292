"""The registry as a value: nodes, their ports and keys, and conflicts between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from checker.model import (
    CheckerError,
    Forward,
    ForwardRequest,
    FreedPort,
    Node,
    NodeName,
    Port,
    PortRanges,
)
from checker.nearest import did_you_mean
from checker.registry.indexed_nodes import (
    OWN_PACE,
    PUBLISHES,
    UNKNOWN,
    Basis,
    IndexedNodes,
)
from checker.registry.kept_rights import BrokenFile

FreedPorts = Mapping[Port, FreedPort]
"""Ports that were freed lately."""


class UnknownNode(CheckerError):
    """No node has that name."""

    def __init__(
        self, name: str, known: Iterable[str] = (), *, calls_itself: NodeName | None = None
    ) -> None:
        if calls_itself is not None:
            super().__init__(
                f"there is no node {name[:80]!r}; node {calls_itself} calls itself that"
            )
        elif re.search(r"[*?\[]", name):
            plain = re.sub(r"[^a-z0-9.-].*", "", name.lower())
            super().__init__(
                f"{name[:80]!r} is a pattern, and this takes names; name each node, or see those"
                f" that match: reversi-tui --once --filter node:{plain}"
            )
        else:
            hint = did_you_mean(name, known) or ";"
            super().__init__(f"there is no node {name[:80]!r}{hint} see: reversi-checker node list")


class NameTaken(CheckerError):
    """Another node has that name."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"node {name} is registered already; choose another name, or run: reversi-checker node"
            f" remove {name}"
        )


class PortTaken(CheckerError):
    """Two forwards ask for the same port."""

    def __init__(self, port: Port, holder: NodeName) -> None:
        super().__init__(
            f"port {port} belongs to node {holder}; choose another, or run: reversi-checker node"
            f" remove {holder}"
        )


class PortTwice(CheckerError):
    """One node asks for a port twice."""

    def __init__(self, port: Port, name: NodeName) -> None:
        super().__init__(
            f"node {name} asks for port {port} twice; give each forward a port of its own"
        )


class KeyTaken(CheckerError):
    """Two nodes ask for the same key: the gateway could not tell them apart."""

    def __init__(self, holder: NodeName) -> None:
        super().__init__(
            f"that public key belongs to node {holder}; each node needs a key of its own"
        )


class SharedKeyTaken(CheckerError):
    """A node asks for the shared key: every device could pose as that node."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"that public key is the shared one ([shared_key] in reversi.toml); node {name} needs a"
            " key of its own"
        )


class FileBroken(CheckerError):
    """A change to a node whose file is broken: writing it could lose what the admin meant."""

    def __init__(self, broken: BrokenFile) -> None:
        super().__init__(
            f"{broken.sentence}; repair the file first; until then, only node disable and node"
            " remove work on it"
        )


class PortsUsedUp(CheckerError):
    """No port of the range is free."""

    def __init__(self, ports: PortRanges) -> None:
        super().__init__(f"every port of {ports} is allotted; add ports to `ports` in reversi.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All nodes as read, and a sentence for each file that could not be used."""

    nodes: Mapping[NodeName, Node] = field(default_factory=lambda: MappingProxyType({}))
    problems: tuple[str, ...] = ()
    broken_ports: frozenset[Port] = frozenset()
    """Ports that broken files seem to name; no other node gets them."""
    broken: frozenset[NodeName] = frozenset()
    """Names of nodes whose file is broken. They keep their key lines. Those that keep any rights
    are in `nodes`.
    """
    broken_files: tuple[BrokenFile, ...] = ()
    """The same nodes, with the reason for each."""
    freed: FreedPorts = field(default_factory=lambda: MappingProxyType({}))
    """Ports that belonged to a node lately; they are allotted last."""
    freed_trouble: str = ""
    """A sentence that says why `freed` cannot be read; empty if it can."""

    @property
    def unknown_keys(self) -> str:
        """A sentence about keys of nodes' files that this version does not know, and about wrong
        values of keys that give no rights; empty if there are none.
        """
        having = self.flagged(UNKNOWN)
        if not having:
            return ""
        first = having[0]
        clause = f"node {first.name}: {'; '.join(first.unknown_keys)}"
        others = {1: "", 2: ", and in another file"}.get(
            len(having), f", and in {len(having) - 1} other files"
        )
        return f"{clause}{others}; such keys and values are kept and have no effect"

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """Every forward, by node, in the admin's order."""
        return tuple(forward for node in self.nodes.values() for forward in node.forwards)

    def with_node(self, node: Node) -> Registry:
        """Return the registry with this node in place of the one of that name."""
        return replace(self, nodes=self.indexed.with_others({node.name: node}))

    @property
    def indexed(self) -> IndexedNodes:
        """The nodes, with an index of their keys and ports."""
        return (
            self.nodes
            if isinstance(self.nodes, IndexedNodes)
            else IndexedNodes(dict(self.nodes), Basis())
        )

    def flagged(self, flag: bytes) -> list[Node]:
        """Return the nodes that have one of the flags of `indexed_nodes`."""
        return self.indexed.flagged(flag)

    @property
    def published(self) -> list[Node]:
        """The nodes of which HAProxy publishes anything."""
        return self.flagged(PUBLISHES)

    @property
    def paces(self) -> dict[NodeName, float]:
        """The seconds between two probes of the nodes that have a number of their own."""
        return {
            node.name: node.probe_beating_every_s
            for node in self.flagged(OWN_PACE)
            if node.probe_beating_every_s is not None
        }

    def owner(self, port: int) -> Node | None:
        """Return the node that may listen on the port."""
        name = self.indexed.owners().get(Port(port))
        return None if name is None else self.nodes[name]

    def rivals(self, node: Node, name: NodeName) -> list[Node]:
        """Return the nodes besides `name` with which this node could be in conflict: they have its
        name, or one of its keys or ports, or are published.
        """
        found = {node.name, *self.indexed.having((*node.public_keys, *node.ports))}
        found |= {one.name for one in self.published}
        return [
            self.nodes[one]
            for one in sorted(found - {name}, key=lambda one: f"{one}.toml")
            if one in self.nodes
        ]

    def broken_file(self, name: str) -> BrokenFile | None:
        """Return what is wrong with the file of that name; None if nothing is."""
        return next((one for one in self.broken_files if one.name == name), None)

    def refuse_broken(self, name: str) -> None:
        """Raise FileBroken if the file of that name is broken."""
        broken = self.broken_file(name)
        if broken is not None:
            raise FileBroken(broken)

    def node(self, name: str) -> Node:
        """Return the node of that name. Raises UnknownNode; FileBroken if its file is broken and it
        keeps no rights.
        """
        if name not in self.nodes:
            self.refuse_broken(name)
        try:
            return self.nodes[NodeName(name)]
        except KeyError:
            same = self.calling_itself(name)
            raise UnknownNode(
                name, (*self.nodes, *self.broken), calls_itself=same.name if same else None
            ) from None

    def calling_itself(self, word: str) -> Node | None:
        """Return the first node that has another name, and whose device calls itself `word`."""
        return next((node for node in self.nodes.values() if node.calls_itself == word), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A change of a registry: some nodes take the places of others."""

    registry: Registry
    without: Collection[str] = ()
    """Names of nodes that go; `+ID` names an enrolment that ends."""
    also: Sequence[Node] = ()

    @property
    def names(self) -> frozenset[str]:
        """The nodes that go or come."""
        return frozenset((*self.without, *(node.name for node in self.also)))

    @property
    def broken(self) -> frozenset[NodeName]:
        """The broken nodes that stay."""
        return self.registry.broken.difference(self.without)

    @property
    def after(self) -> IndexedNodes:
        """The nodes afterwards."""
        gone: dict[NodeName, Node | None] = dict.fromkeys(map(NodeName, self.without))
        return self.registry.indexed.with_others(gone | {node.name: node for node in self.also})


def conflict(node: Node, others: Sequence[Node]) -> CheckerError | None:
    """Return why this node cannot be registered beside the others; None if it can."""
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
    ports: PortRanges,
    *,
    deadline_s: float | None = None,
) -> tuple[Forward, ...]:
    """Return forwards for the requests. One without a port gets the lowest free port of the range.

    Ports that were freed lately come last, the longest freed first. Raises PortsUsedUp.
    """
    free = iter(free_ports(registry, {request.port for request in requests}, ports))
    return with_ports(name, requests, free, ports, deadline_s=deadline_s)


def with_ports(
    name: NodeName,
    requests: Sequence[ForwardRequest],
    free: Iterator[Port],
    ports: PortRanges,
    *,
    deadline_s: float | None = None,
) -> tuple[Forward, ...]:
    """Return forwards for the requests. One without a port takes the next of `free`, which are
    those of the range `ports`. Raises PortsUsedUp.
    """
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


def free_ports(registry: Registry, asked: Collection[Port | None], ports: PortRanges) -> list[Port]:
    """Return the ports of the range that nobody has or asks for, those freed lately last."""
    taken = registry.broken_ports.union(asked, registry.indexed.ports())
    taken |= {
        publication.port
        for node in registry.published
        for forward in node.forwards
        for publication in forward.published
    }
    free = [Port(port) for port in ports if port not in taken]
    never = [port for port in free if port not in registry.freed]
    return [*never, *longest_freed(registry.freed, free)]


def longest_freed(freed: FreedPorts, ports: Iterable[Port]) -> list[Port]:
    """Return those of the ports that are freed, the longest freed first."""
    return sorted(
        (port for port in ports if port in freed), key=lambda port: (freed[port].freed_at, port)
    )
