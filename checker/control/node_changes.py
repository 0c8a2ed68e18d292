"""Changes to registered nodes: planned, then carried out under the registry's lock and reported."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.notices import Clause, Report, end_tunnels, notify, warn, warn_of_heirs
from checker.linux.sockets import read_listeners
from checker.model import Aim, CheckerError, Node, NodeName, Port
from checker.output import today
from checker.registry.authorized_keys import gate_command
from checker.registry.broken_nodes import disable_broken
from checker.registry.changes import change, refuse_conflict, remove
from checker.registry.edits import describe, revoked
from checker.registry.kept_rights import BrokenFile
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.registry.publications import needs_root
from checker.registry.reading import read_registry
from checker.registry.reasons import reason_kept
from checker.tunnels.port_owner import Owner, owner_of

Edit = Callable[[Node], Node]


class ChangedMeanwhile(CheckerError):
    """A node is no longer as it was when its change was planned."""

    def __init__(self, name: NodeName) -> None:
        super().__init__(
            f"somebody else changed node {name} meanwhile; look at it, and run this again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeChange:
    """A change to a node that conflicts with no other node."""

    before: Node
    after: Node
    clauses: tuple[Clause, ...]
    """Empty: nothing would change."""
    aims: tuple[Aim, ...]
    """Forwards whose tunnels lose their right, and so are ended."""
    obstacles: tuple[str, ...] = ()
    """Why a tunnel could not listen where it should, a sentence each."""

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{self.after.name}{f':{port}' if port else ''}: {text}" for port, text in self.clauses
        )


def planned(
    layout: Layout, before: Node, edit: Edit, registry: Registry | None = None
) -> NodeChange:
    """What the edit would do to the node of this registry; None: as it is now. Raises what the edit
    and `refuse_conflict` raise.
    """
    after = edit(before)
    aims = tuple(
        Aim(node=before.name, port=forward.port) for forward in revoked(before, after, today())
    )
    if registry is None or registry.broken:
        registry = read_registry(layout.nodes)  # the record of broken files gives no rights
    refuse_conflict(layout, before.name, after, registry)
    return NodeChange(
        before=before,
        after=after,
        clauses=describe(before, after),
        aims=aims,
        obstacles=obstacles(layout, before, after),
    )


def obstacles(layout: Layout, before: Node, after: Node) -> tuple[str, ...]:
    """Why no tunnel could listen on the node's new ports, or why its device could not come back to
    a port that it loses; a sentence each. Raises ConfigError.
    """
    new = sorted(set(after.ports).difference(before.ports))
    lost = moves_taken_back(before, after)
    if not new and not lost:
        return ()
    config = load_config(layout.config)
    listening = read_listeners()

    def owner(port: Port) -> Owner:
        return owner_of(listening.get(port, ()), config.tunnel_uid)

    taken = (
        f"{after.name}: another program listens on port {port} now; no tunnel can listen there"
        " until it ends"
        for port in new
        if owner(port) is Owner.FOREIGN
    )
    in_use = (
        f"{after.name}: its device listens on port {port} already, and would be refused there at"
        " its next login"
        for port in lost
        if owner(port) is Owner.OURS
    )
    return (*needs_root(before, after, config.tunnel_user), *taken, *in_use)


def moves_taken_back(before: Node, after: Node) -> list[Port]:
    """Ports to which forwards were moving that now stay on their old port."""
    moving = {
        forward.next_port
        for forward in before.forwards
        if forward.next_port is not None and forward.port in after.ports
    }
    return sorted(moving.difference(after.ports))


def carry_out(
    layout: Layout,
    plan: NodeChange,
    report: Report,
    *,
    during: Callable[[Node], AbstractContextManager[object]] | None = None,
) -> None:
    """Make a planned change inside the block of `during`, and end the tunnels that lose their
    right. Raises ChangedMeanwhile, CheckerError.
    """
    before, after = plan.before, plan.after
    with locked(layout), during(after) if during else contextlib.nullcontext():
        registry = read_registry(layout.nodes)
        if registry.nodes.get(before.name) != before:
            raise ChangedMeanwhile(before.name)
        change(
            layout,
            before.name,
            after,
            gate_command(layout),
            meanwhile=lambda: end_tunnels(layout, plan.aims, report),
            registry=registry,
        )
    new_ports = sorted(set(after.ports).difference(before.ports))
    warn(report, [registry.freed[port].sentence for port in new_ports if port in registry.freed])
    renamed = [(before.name, after.name)] if before.name != after.name else []
    known = registry.with_node(after)
    notify(layout, after.name, plan.clauses, report, renamed=renamed, known=known)
    warn_of_heirs(layout, registry, report)


def with_reason(plan: NodeChange, why: str) -> NodeChange:
    """The plan of disabling a node, whose events and sentences say why."""
    clauses = tuple(
        (port, f"{text}: {why}" if port is None else text) for port, text in plan.clauses
    )
    return replace(plan, clauses=clauses) if why else plan


def disable_broken_node(
    layout: Layout, registry: Registry, broken: BrokenFile, report: Report, why: str = ""
) -> str:
    """Disable a node whose file is broken, end its tunnels, and note it in the file; a sentence
    about what was done. Raises CheckerError.
    """
    name = broken.name
    node = registry.nodes.get(name)
    aims = [Aim(node=name, port=forward.port) for forward in node.forwards] if node else []
    with locked(layout), reason_kept(layout, name, why):
        disable_broken(
            layout, name, gate_command(layout), meanwhile=lambda: end_tunnels(layout, aims, report)
        )
    because = f": {why}" if why else ""
    notify(layout, name, [(None, f"disabled, with a broken file{because}")], report)
    warn_of_heirs(layout, registry, report)
    return (
        f"{name}: disabled: its keys are rejected, and stay rejected when its file is repaired;"
        f" {broken.reason}"
    )


def remove_node(
    layout: Layout, registry: Registry, name: NodeName, aims: Sequence[Aim], report: Report
) -> None:
    """Forget a node, and end the tunnels of these forwards. Raises UnknownNode, CheckerError."""
    with locked(layout):
        remove(
            layout, name, gate_command(layout), meanwhile=lambda: end_tunnels(layout, aims, report)
        )
    notify(layout, name, [(None, "removed")], report)
    warn_of_heirs(layout, registry, report)
