"""Who must know about a change to nodes: the daemon, the event log, HAProxy, and the operator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from checker.config.layout import Layout
from checker.control.client import Control
from checker.haproxy.publish import tell_haproxy
from checker.model import Aim, NodeName, Note, Port, Verb
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry

if TYPE_CHECKING:
    from checker.registry.claims import Refusal

EVENTS_AT_ONCE = 100
"""In one message to the daemon, which takes 64 KiB."""
Report = Callable[[Note], object]
"""Takes what the operator should know besides the answer, as soon as it is known."""
Clause = tuple[Port | None, str]
"""A change to a node, and the port that it is about; None: the node as a whole."""


def warn(report: Report, warnings: Iterable[str]) -> None:
    for text in warnings:
        report(Note(text, is_warning=True))


def known_registry(layout: Layout, report: Report) -> Registry:
    """Read the registry, and warn about what cannot be read of it. Raises ConfigError."""
    registry = read_known(layout)
    others = filter(None, (registry.freed_trouble, registry.unknown_keys))
    warn(report, [*registry.problems, *others])
    return registry


def notify(  # noqa: PLR0913 - what was changed, who hears it, and what is known
    layout: Layout,
    name: NodeName,
    clauses: Sequence[Clause],
    report: Report,
    *,
    renamed: Sequence[tuple[NodeName, NodeName]] = (),
    known: Registry | None = None,
) -> Mapping[NodeName, Refusal]:
    """Inform daemon, event log and HAProxy about a change that is done, and sign it in a fleet; a
    failure is a warning. Return the nodes for which another gateway was quicker. `known`: as for
    `tell_haproxy`.
    """
    refused = log_changes(layout, [(name, port, text) for port, text in clauses], report, renamed)
    about_proxy = tell_haproxy(layout, known)
    if about_proxy is not None:
        report(about_proxy)
    return refused


def log_changes(
    layout: Layout,
    changes: Sequence[tuple[NodeName, Port | None, str]],
    report: Report,
    renamed: Sequence[tuple[NodeName, NodeName]] = (),
) -> Mapping[NodeName, Refusal]:
    """Write events about changes that are done, have the daemon read the registry, and sign them in
    a fleet. Return the nodes for which another gateway was quicker.
    """
    tell_daemon(layout, changes, report, renamed)
    names = {name for name, _, _ in changes}
    return sign_changes(layout, names.union(old for old, _ in renamed), report)


def tell_daemon(
    layout: Layout,
    changes: Sequence[tuple[NodeName, Port | None, str]],
    report: Report,
    renamed: Sequence[tuple[NodeName, NodeName]] = (),
) -> None:
    trouble = Control(layout=layout).changed(changes, renamed)
    if trouble:
        warn(report, [f"done, but the event could not be written: {trouble}"])


def sign_changes(
    layout: Layout, names: Collection[NodeName], report: Report
) -> Mapping[NodeName, Refusal]:
    if not layout.fleet.is_dir():
        return {}
    from checker.control.sealing import seal_changed  # only a fleet needs it

    return seal_changed(layout, names, report)


def log_many(
    layout: Layout, changes: Sequence[tuple[NodeName, Port | None, str]], report: Report
) -> Mapping[NodeName, Refusal]:
    """Write events about any number of changes that are done, and sign them in a fleet. Return the
    nodes for which another gateway was quicker.
    """
    for at in range(0, len(changes), EVENTS_AT_ONCE):
        tell_daemon(layout, changes[at : at + EVENTS_AT_ONCE], report)
    return sign_changes(layout, {name for name, _, _ in changes}, report)


def end_tunnels(layout: Layout, aims: Sequence[Aim], report: Report) -> None:
    """End the tunnels that hold these ports, and report each outcome. Raises CheckerError."""
    for outcome in Control(layout=layout).act(Verb.KILL, aims) if aims else ():
        report(Note(f"{outcome.node}:{outcome.port}: {outcome.sentence}"))


def warn_of_heirs(layout: Layout, before: Registry, report: Report) -> None:
    """Warn about each file that is valid from now on, since no other node has its name, ports or
    key any longer: it may be a forgotten copy.
    """
    if not before.broken_files:
        return
    after = read_registry(layout.nodes)
    heirs = [
        one.path
        for one in before.broken_files
        if one.name not in after.broken and one.name in after.nodes
    ]
    warn(
        report,
        [
            f"{path} is valid from now on, and lets its node in; if it is only a copy, remove it"
            for path in heirs
        ],
    )
