"""One change to many nodes: planned for each, then carried out together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.control.node_changes import ChangedMeanwhile, Edit, NodeChange
from checker.control.notices import Report, end_tunnels, log_changes
from checker.haproxy.publish import tell_haproxy
from checker.model import Aim, CheckerError, NodeName, Port
from checker.output import today
from checker.registry.authorized_keys import gate_command
from checker.registry.edits import describe, revoked
from checker.registry.lock import locked
from checker.registry.many_changes import change_all
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry

NamedClause = tuple[NodeName, Port | None, str]
MOST_BYTES = 60_000
EVENT_BYTES = 300
"""Of an event in a message, without its text."""
CHARACTER_BYTES = 12
"""Of one character in JSON, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A node that was not changed."""

    name: NodeName
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyChanges:
    """What an edit would do to each of many nodes."""

    changes: tuple[NodeChange, ...] = ()
    same: tuple[NodeName, ...] = ()
    """Nodes that are so already."""
    failures: tuple[Failure, ...] = ()
    """Nodes that cannot be changed so."""


def planned_for_all(registry: Registry, names: Iterable[NodeName], edit: Edit) -> ManyChanges:
    """What the edit, which keeps names, keys and ports, would do to each of these nodes."""
    changes: list[NodeChange] = []
    same: list[NodeName] = []
    failures: list[Failure] = []
    for name in names:
        try:
            registry.refuse_broken(name)
            before = registry.node(name)
            after = edit(before)
        except CheckerError as error:
            failures.append(Failure(name=name, why=str(error)))
            continue
        clauses = describe(before, after)
        if not clauses:
            same.append(name)
            continue
        aims = tuple(Aim(node=name, port=f.port) for f in revoked(before, after, today()))
        changes.append(NodeChange(before=before, after=after, clauses=clauses, aims=aims))
    return ManyChanges(changes=tuple(changes), same=tuple(same), failures=tuple(failures))


def parts_of(clauses: Sequence[NamedClause]) -> Iterator[list[NamedClause]]:
    """Divide the clauses so that the daemon, which reads 64 KiB, takes each part as one message."""
    part: list[NamedClause] = []
    size = 0
    for clause in clauses:
        own = EVENT_BYTES + CHARACTER_BYTES * len(clause[2])
        if part and size + own > MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(clause)
        size += own
    if part:
        yield part


def carry_out_all(
    layout: Layout, changes: Sequence[NodeChange], report: Report
) -> tuple[tuple[NodeChange, ...], tuple[Failure, ...]]:
    """Make these changes, and end the tunnels that lose their right; those that were made, and why
    the others were not. Raises CheckerError if none could be tried.
    """
    failures: list[Failure] = []
    with locked(layout):
        registry = read_registry(layout.nodes)
        as_planned = [one for one in changes if registry.nodes.get(one.before.name) == one.before]
        aims = [aim for one in as_planned for aim in one.aims]
        failed = change_all(
            layout,
            [one.after for one in as_planned],
            gate_command(layout),
            meanwhile=lambda: end_tunnels(layout, aims, report),
            registry=registry,
        )
    failures += [
        Failure(name=one.before.name, why=str(ChangedMeanwhile(one.before.name)))
        for one in changes
        if one not in as_planned
    ]
    failures += [Failure(name=name, why=str(error)) for name, error in failed.items()]
    made = tuple(one for one in as_planned if one.before.name not in failed)
    if made:
        clauses = [(one.after.name, port, text) for one in made for port, text in one.clauses]
        for part in parts_of(clauses):
            log_changes(layout, part, report)
        about_proxy = tell_haproxy(layout)
        if about_proxy is not None:
            report(about_proxy)
    return made, tuple(failures)
