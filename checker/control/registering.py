"""Register a node: allot its ports, make its key, and write what its device needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.control.client_files import KeyFiles
from checker.control.expectations import open_note
from checker.control.notices import Report, log_changes, notify, warn
from checker.model import CheckerError, Forward, ForwardRequest, Node, NodeName, Note, Port
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add, kept_key_path, refuse_conflict, remove
from checker.registry.lock import locked
from checker.registry.nodes import Registry, conflict, free_ports, with_ports
from checker.registry.publications import needs_root
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key

if TYPE_CHECKING:
    from checker.registry.claims import Refusal

MOST_TRIES = 20
"""Other gateways may add nodes all the time."""


class TakenElsewhere(CheckerError):
    """Another gateway was quicker with a name, a port or a key."""

    def __init__(self, name: NodeName, refusal: Refusal, others: int = 0) -> None:
        more = f", nor were {others} others; run this again with them only" if others else ""
        super().__init__(f"node {name} was not registered: {refusal.sentence}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A node as an admin asks for it."""

    name: NodeName
    requests: tuple[ForwardRequest, ...]
    deadline_s: float | None = None
    """Of all its forwards; None: the gateway's."""
    tags: tuple[str, ...] = ()
    note: str = ""


def register(
    layout: Layout, config: Config, wanted: Wanted, keys: KeyFiles, report: Report
) -> tuple[Node, list[Path]]:
    """Register a node; the node, and the files that were written for its device. In a fleet, take
    another port if another gateway was quicker. Raises CheckerError.
    """
    taken: frozenset[Port] = frozenset()
    refusal: Refusal | None = None
    for _ in range(MOST_TRIES):
        node, written, refusal = register_once(layout, config, wanted, keys, report, taken)
        if refusal is None:
            return node, written
        take_back(layout, node, written, keys)
        log_changes(layout, [(node.name, None, f"taken back: {refusal.sentence}")], report)
        taken |= refusal.ports
        if not refusal.ports or refusal.ports.intersection(one.port for one in wanted.requests):
            break
    assert refusal is not None
    raise TakenElsewhere(wanted.name, refusal)


def register_once(  # noqa: PLR0913, PLR0917 - what is registered, and what is known
    layout: Layout,
    config: Config,
    wanted: Wanted,
    keys: KeyFiles,
    report: Report,
    taken: frozenset[Port],
) -> tuple[Node, list[Path], Refusal | None]:
    """Register a node with other ports than those; say why, if another gateway was quicker. Raises
    CheckerError.
    """
    with locked(layout):
        if layout.home is not None:
            make_host_key(layout.host_key)
        registry = read_registry(layout.nodes)
        node = node_for(wanted, registry, config, keys.public, taken)
        with keys.handed_over(node) as written:
            add(layout, node, gate_command(layout), registry=registry)
    advise(wanted, node, registry, config, report)
    changes = [
        (forward.port, f"added: to {forward.target}, expecting {forward.expect}")
        for forward in node.forwards
    ]
    refused = notify(layout, node.name, changes, report, known=registry)
    return node, written, refused.get(node.name)


def take_back(layout: Layout, node: Node, written: Sequence[Path], keys: KeyFiles) -> None:
    """Remove a node that was just registered, and its files. Raises CheckerError."""
    with locked(layout):
        if read_registry(layout.nodes).nodes.get(node.name) is not None:
            remove(layout, node.name, gate_command(layout))
        for path in (*written, *([kept_key_path(layout, node.name)] if keys.keep else ())):
            path.unlink(missing_ok=True)


def rehearse(
    layout: Layout, config: Config, wanted: Wanted, keys: KeyFiles, report: Report
) -> tuple[Node, list[Path]]:
    """What `register` would do: the node as it would be, and the files that would be written. It
    does nothing. Raises CheckerError.
    """
    registry = read_registry(layout.nodes)
    node = node_for(wanted, registry, config, keys.public)
    refuse_conflict(layout, node.name, node, registry)
    keys.refuse_existing(node.name)
    advise(wanted, node, registry, config, report)
    return node, list(keys.places)


def advise(wanted: Wanted, node: Node, registry: Registry, config: Config, report: Report) -> None:
    """Report what the admin should know about the new node's ports and expected responses."""
    asked_for = {request.port for request in wanted.requests}
    warn(report, needs_root(None, node, config.tunnel_user))
    warn(report, freed_warnings(node.forwards, registry, asked_for))
    about_open = open_note(
        node.name, node.forwards, wanted.requests, is_only=len(node.forwards) == 1
    )
    if about_open:
        report(Note(about_open))


def node_for(
    wanted: Wanted,
    registry: Registry,
    config: Config,
    public_key: str,
    taken: frozenset[Port] = frozenset(),
) -> Node:
    """The node with its ports; none of `taken` but what was asked for. Raises PortsUsedUp, and what
    `conflict` finds.
    """
    asked = {*taken, *(request.port for request in wanted.requests)}
    free = iter(free_ports(registry, asked, config.policy.ports))
    node = Node(
        name=wanted.name,
        public_key=public_key,
        forwards=with_ports(
            wanted.name,
            wanted.requests,
            free,
            config.policy.ports,
            deadline_s=wanted.deadline_s,
        ),
        added_at=int(time.time()),
        tags=wanted.tags,
        note=wanted.note,
    )
    trouble = conflict(node, registry.rivals(node, NodeName("")))
    if trouble is not None:
        raise trouble
    return node


def freed_warnings(
    forwards: Sequence[Forward], registry: Registry, asked_for: set[Port | None]
) -> list[str]:
    """A sentence for each port that another node had lately: its devices may still come there."""
    return [
        ("" if forward.port in asked_for else "no other port is left: ")
        + registry.freed[forward.port].sentence
        for forward in forwards
        if forward.port in registry.freed
    ]
