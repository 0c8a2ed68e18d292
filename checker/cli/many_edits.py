"""One change to several nodes, named or chosen by a filter."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import replace

from checker.cli.common import registry_of
from checker.cli.dialog import narrate, show_note, would
from checker.cli.exit_codes import ExitCode
from checker.cli.selection import confirm_many, matching_nodes
from checker.config.layout import Layout
from checker.control.many_nodes import Failure, ManyChanges, carry_out_all, planned_for_all
from checker.control.node_changes import Edit, NodeChange, with_reason
from checker.model import NodeName
from checker.output import say
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry
from checker.registry.reasons import reason_kept


def apply_to_all(args: argparse.Namespace, layout: Layout, edit: Edit, why: str = "") -> ExitCode:
    """Change each node that is named or matches as `edit` says, which keeps names, keys and ports.
    One that fails stops no other; `why` they are disabled. Raises CheckerError if none can be
    changed.
    """
    registry = registry_of(layout)
    plan = planned_for_all(registry, chosen(args, layout, registry), edit)
    plan = replace(plan, changes=tuple(with_reason(change, why) for change in plan.changes))
    if args.dry_run:
        would(map(line_of, plan.changes))
        show_failures(plan.failures)
        return ExitCode.NOT_UP if plan.failures else ExitCode.OK
    made: tuple[NodeChange, ...] = ()
    failures = plan.failures
    if plan.changes:
        refuse_others(layout)
        lines = [line_of(change) for change in plan.changes]
        ends = any(change.aims for change in plan.changes)
        confirm_many(args, f"change {nodes(len(lines))}", lines, what="nodes", ends=ends)
        with contextlib.ExitStack() as reasons:
            for change in plan.changes if why else ():
                reasons.enter_context(reason_kept(layout, change.before.name, why))
            made, later = carry_out_all(layout, plan.changes, show_note)
        failures += later
    show_failures(failures)
    for change in made:
        for sentence in change.sentences:
            say(sentence)
    narrate("; ".join(summary(made, plan, failures)))
    return ExitCode.NOT_UP if failures else ExitCode.OK


def chosen(args: argparse.Namespace, layout: Layout, registry: Registry) -> tuple[NodeName, ...]:
    """The nodes that are named, each once, or match. Raises UnknownNode, NothingMatches."""
    if args.filter is not None:
        return tuple(node.name for node in matching_nodes(layout, registry, args.filter))
    return tuple(dict.fromkeys(registry.node(name).name for name in args.names))


def line_of(change: NodeChange) -> str:
    """What a change does, in one line."""
    ends = "; end its tunnel" if change.aims else ""
    return f"change {change.before.name}: {', '.join(text for _, text in change.clauses)}{ends}"


def show_failures(failures: tuple[Failure, ...]) -> None:
    for failure in failures:
        say(f"{failure.name}: not changed: {failure.why}")


def summary(
    made: tuple[NodeChange, ...], plan: ManyChanges, failures: tuple[Failure, ...]
) -> Iterator[str]:
    """How many nodes were changed, and how many were not, a clause each."""
    if failures:
        yield f"{nodes(len(failures))} not changed"
    yield f"{nodes(len(made))} changed"
    if plan.same:
        yield f"nothing to change at {nodes(len(plan.same))}"


def nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"
