"""What the nodes of a table would be: their ports, and conflicts with other nodes and lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.control.import_plan import Places
from checker.model import Node
from checker.registry.enrolments import read_enrolments
from checker.registry.imported import Remark
from checker.registry.node_table import TableNode
from checker.registry.nodes import Registry, free_ports, with_ports
from checker.registry.publications import FIRST_UNPRIVILEGED


def keys_elsewhere(layout: Layout, config: Config) -> Mapping[str, str]:
    """Public keys that no node may have, and a clause about each. Raises ConfigError."""
    return {
        **dict.fromkeys(config.shared_key.public_keys, "is the shared one"),
        **{
            one.public_key: f"belongs to the enrolment {one.id}"
            for one in read_enrolments(layout.enrolments).found.values()
        },
    }


def conflicts(
    nodes: Sequence[TableNode], registry: Registry, elsewhere: Mapping[str, str]
) -> list[Remark]:
    """Return why nodes cannot be registered beside the others and beside each other: the same name,
    port or key. `elsewhere`: `keys_elsewhere`.
    """
    places = Places(registry)
    taken: dict[object, str] = {
        **{f"node {name}": clause for name, clause in places.names.items()},
        **published(registry),
        **{port: clause for port, clause in places.ports.items()},  # noqa: C416 - for the type
        **{
            key: f"belongs to node {node.name}"
            for node in registry.nodes.values()
            for key in node.public_keys
        },
        **{key: clause for key, clause in elsewhere.items()},  # noqa: C416 - for the type
    }
    found = []
    for node in nodes:
        for what, said in claims_of(node).items():
            if what in taken:
                found.append(Remark(line=node.line, text=f"{said} {taken[what]}"))
        found += [Remark(line=node.line, text=text) for text in own_faults(node)]
        for what in claims_of(node):
            taken.setdefault(what, f"is on line {node.line} too")
    return found


def published(registry: Registry) -> Mapping[object, str]:
    """Ports on which HAProxy listens, with a clause that says for whom."""
    return {
        publication.port: f"is published for node {forward.node}, so HAProxy listens there"
        for forward in registry.forwards
        for publication in forward.published
    }


def claims_of(node: TableNode) -> dict[object, str]:
    """What only one node may have, and what to call it."""
    ports = [request.port for request in node.requests if request.port is not None]
    return {
        f"node {node.name}": f"node {node.name}",
        **{port: f"port {port}" for port in ports},
        **({node.public_key: "that public key"} if node.public_key else {}),
    }


def own_faults(node: TableNode) -> Iterator[str]:
    """What is wrong with the ports of one node."""
    ports = [request.port for request in node.requests if request.port is not None]
    twice = {port for port in ports if ports.count(port) > 1}
    yield from (f"port {port} occurs twice on this line" for port in sorted(twice))
    for request in node.requests:
        if request.public and request.port is not None and request.port < FIRST_UNPRIVILEGED:
            yield (
                f"port {request.port} cannot be public by itself: sshd binds ports below"
                f" {FIRST_UNPRIVILEGED} only for root; see: reversi-checker publish --help"
            )


def nodes_of(wanted: Sequence[TableNode], registry: Registry, config: Config) -> list[Node]:
    """Return the nodes with their ports, and without the keys to make. Raises PortsUsedUp."""
    asked = {request.port for one in wanted for request in one.requests}
    ports = config.policy.ports
    free = iter(free_ports(registry, asked, ports))
    now = int(time.time())
    return [
        Node(
            name=one.name,
            public_key=one.public_key,
            forwards=with_ports(one.name, one.requests, free, ports, deadline_s=one.deadline_s),
            added_at=now,
            tags=one.tags,
            note=one.note,
        )
        for one in wanted
    ]
