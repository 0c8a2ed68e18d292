"""What command line and console do to nodes alike: planned, carried out under the registry's lock,
and told to whom it concerns.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.control.client import Control
from checker.control.client_files import KeyFiles
from checker.haproxy.publish import tell_haproxy
from checker.linux.sockets import read_listeners
from checker.model import Aim, CheckerError, ForwardRequest, Node, NodeName, Port, Verb
from checker.output import today
from checker.registry.authorized_keys import gate_command
from checker.registry.broken_nodes import disable_broken
from checker.registry.changes import add, change, refuse_conflict
from checker.registry.edits import describe, revoked
from checker.registry.kept_rights import BrokenFile
from checker.registry.lock import locked
from checker.registry.nodes import Registry, allot, conflict
from checker.registry.publications import needs_root
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key
from checker.tunnels.port_owner import Owner, owner_of

Edit = Callable[[Node], Node]
Note = Callable[[str], object]
"""Takes what the operator should know besides: a tunnel that was ended, a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change to a node that stands in no other's way."""

    before: Node
    after: Node
    changes: tuple[tuple[Port | None, str], ...]
    """A clause each, with the port that it is about; empty: it is so already."""
    aims: tuple[Aim, ...]
    """What will be allowed no longer, and so be ended."""
    obstacles: tuple[str, ...] = ()
    """Why a tunnel could not listen where it should, a sentence each."""

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{self.after.name}{f':{port}' if port else ''}: {text}" for port, text in self.changes
        )


def planned(layout: Layout, before: Node, edit: Edit) -> Plan:
    """What the edit would do to the node. Raises what the edit does, and what `refuse_conflict`
    finds.
    """
    after = edit(before)
    aims = tuple(
        Aim(node=before.name, port=forward.port) for forward in revoked(before, after, today())
    )
    refuse_conflict(layout, before.name, after)
    return Plan(
        before=before,
        after=after,
        changes=describe(before, after),
        aims=aims,
        obstacles=obstacles(layout, before, after),
    )


def obstacles(layout: Layout, before: Node, after: Node) -> tuple[str, ...]:
    """Why no tunnel could listen on the ports that are new to the node, or could not again where
    one does, a sentence each.
    """
    new = sorted(set(after.ports).difference(before.ports))
    left = sorted(
        {
            f.next_port
            for f in before.forwards
            if f.next_port is not None and f.port in after.ports
        }.difference(after.ports)
    )
    if not new and not left:
        return ()
    config = load_config(layout.config)
    listening = read_listeners()
    followed = [
        port for port in left if owner_of(listening.get(port, ()), config.tunnel_uid) is Owner.OURS
    ]
    lost = (
        f"{after.name}: its device listens on port {port} already, and would be refused there at"
        " its next login"
        for port in followed
    )
    held = [
        port
        for port in new
        if owner_of(listening.get(port, ()), config.tunnel_uid) is Owner.FOREIGN
    ]
    taken = (
        f"{after.name}: another program listens on port {port} now; no tunnel can listen there"
        " until it ends"
        for port in held
    )
    return (*needs_root(before, after, config.tunnel_user), *taken, *lost)


def carry_out(
    layout: Layout,
    plan: Plan,
    note: Note,
    *,
    during: Callable[[Node], AbstractContextManager[object]] | None = None,
) -> None:
    """Do what was planned, within what `during` puts around it, and end what is allowed no longer.
    Raises CheckerError.
    """
    before, after = plan.before, plan.after
    with locked(layout), during(after) if during else contextlib.nullcontext():
        registry = read_registry(layout.nodes)
        if registry.nodes.get(before.name) != before:
            raise CheckerError(
                f"node {before.name} was changed by somebody else meanwhile; look at it, and run"
                " this again"
            )
        change(
            layout,
            before.name,
            after,
            gate_command(layout),
            meanwhile=lambda: end_tunnels(layout, plan.aims, note),
        )
    new_ports = set(after.ports).difference(before.ports)
    warn(
        [registry.freed[port].sentence for port in sorted(new_ports) if port in registry.freed],
        note,
    )
    tell(
        layout,
        after.name,
        plan.changes,
        note,
        renamed=[(before.name, after.name)] if before.name != after.name else [],
    )
    warn_of_heirs(layout, registry, note)


def disable_broken_node(layout: Layout, registry: Registry, broken: BrokenFile, note: Note) -> str:
    """Take a broken node's rights away, end its tunnels, and note it in the file; a sentence of
    what was done. Raises CheckerError.
    """
    name = broken.name
    aims = tuple(
        Aim(node=name, port=forward.port)
        for node in (registry.nodes.get(name),)
        if node
        for forward in node.forwards
    )
    with locked(layout):
        disable_broken(
            layout, name, gate_command(layout), meanwhile=lambda: end_tunnels(layout, aims, note)
        )
    tell(layout, name, [(None, "disabled, with a file that is broken")], note)
    warn_of_heirs(layout, registry, note)
    return f"{name}: disabled: its keys open nothing, also once its file is mended; {broken.reason}"


def warn(warnings: Sequence[str], note: Note) -> None:
    """Tell of what was done all the same."""
    for text in warnings:
        note(f"reversi-checker: warning: {text}")


def warn_of_heirs(layout: Layout, before: Registry, note: Note) -> None:
    """Tell of each file that counts from now on, as what it asks for is nobody else's any more: it
    may be a forgotten copy.
    """
    after = read_registry(layout.nodes)
    come = [
        one.path
        for one in before.broken_files
        if one.name not in after.broken and one.name in after.nodes
    ]
    warn(
        [
            f"{path} counts from now on, and lets a node in; if it is only a copy, remove it"
            for path in come
        ],
        note,
    )


def end_tunnels(layout: Layout, aims: Sequence[Aim], note: Note) -> None:
    """End what holds these ports, and say what came of it. Raises CheckerError."""
    for outcome in Control(layout=layout).act(Verb.KILL, aims) if aims else ():
        note(f"{outcome.node}:{outcome.port}: {outcome.sentence}")


def tell(
    layout: Layout,
    name: NodeName,
    changes: Sequence[tuple[Port | None, str]],
    note: Note,
    *,
    renamed: Sequence[tuple[NodeName, NodeName]] = (),
) -> None:
    """Have daemon, log and HAProxy told; a log that can not be written undoes nothing."""
    trouble = Control(layout=layout).changed(
        [(name, port, text) for port, text in changes], renamed
    )
    if trouble:
        note(f"reversi-checker: warning: it is done, and the log could not be told: {trouble}")
    about_proxy = tell_haproxy(layout)
    if about_proxy:
        note(about_proxy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A node as an admin asks for it."""

    name: NodeName
    requests: tuple[ForwardRequest, ...]
    public: frozenset[int] = frozenset()
    """Which of the requests may be bound to all of the gateway's addresses, by their place."""
    deadline_s: float | None = None


def register(
    layout: Layout, config: Config, wanted: Wanted, keys: KeyFiles, note: Note
) -> tuple[Node, list[Path]]:
    """Register a node and hand its files over; the node, and the files. Raises CheckerError."""
    with locked(layout):
        if layout.home is not None:
            make_host_key(layout.host_key)
        registry = read_registry(layout.nodes)
        forwards = allot(
            registry,
            wanted.name,
            wanted.requests,
            config.policy.ports,
            deadline_s=wanted.deadline_s,
        )
        forwards = tuple(
            replace(forward, public=number in wanted.public)
            for number, forward in enumerate(forwards)
        )
        node = Node(
            name=wanted.name, public_key=keys.public, forwards=forwards, added_at=int(time.time())
        )
        trouble = conflict(node, list(registry.nodes.values()))
        if trouble is not None:
            raise trouble
        with keys.handed_over(node) as written:
            add(layout, node, gate_command(layout))
    warn(needs_root(None, node, config.tunnel_user), note)
    asked_for = {request.port for request in wanted.requests}
    for forward in node.forwards:
        if forward.port in registry.freed:
            why = "" if forward.port in asked_for else "no other port is left: "
            note(f"reversi-checker: warning: {why}{registry.freed[forward.port].sentence}")
    changes = [
        (forward.port, f"added: to {forward.target}, expecting {forward.expect}")
        for forward in node.forwards
    ]
    tell(layout, node.name, changes, note)
    return node, written
