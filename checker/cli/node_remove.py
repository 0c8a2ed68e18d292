"""The verb `node remove`: forget a node, after saying exactly what goes with it."""

from __future__ import annotations

import argparse

from checker.cli.common import all_aims, registry_of
from checker.cli.dialog import ask, show_note, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import Layout
from checker.control.node_changes import remove_node
from checker.control.plan_text import removal_lines
from checker.model import NodeName, parse_name
from checker.output import say
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry


def add_to(actions: Verbs) -> None:
    """Declare the verb."""
    removing = add_verb(
        actions, "remove", "forget a node, and end its tunnel", "reversi-checker node remove office"
    )
    removing.add_argument("name", metavar="NODE")
    add_yes(removing)
    add_dry_run(removing)
    removing.set_defaults(command=cmd_remove)


def cmd_remove(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_of(layout)
    name = known_name(registry, args.name)
    plan = tuple(removal_lines(layout, name, registry.nodes.get(name)))
    if args.dry_run:
        would(plan)
        return ExitCode.OK
    refuse_others(layout)
    ask(args, f"remove node {name}", plan)
    remove_node(layout, registry, name, all_aims(registry, name), show_note)
    say(f"removed {name}")
    return ExitCode.OK


def known_name(registry: Registry, text: str) -> NodeName:
    """The name of a node, also of one whose file is broken. Raises InvalidValue, UnknownNode."""
    if text in registry.broken:
        return NodeName(text)
    if text not in registry.nodes and text.isprintable():
        registry.node(text)  # says which name was probably meant
    return registry.node(parse_name(text)).name
