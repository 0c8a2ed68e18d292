"""The verb `node remove`: forget a node, after saying exactly what goes with it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from checker.cli.common import all_aims, registry_of
from checker.cli.dialog import ask, show_note, would
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_verb, add_yes
from checker.config.layout import Layout
from checker.control.node_changes import remove_node
from checker.model import Node, NodeName, parse_name
from checker.output import say
from checker.registry.changes import kept_key_path
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry
from checker.registry.reading import node_path


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
    plan = tuple(plan_of(layout, name, registry.nodes.get(name)))
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


def plan_of(layout: Layout, name: NodeName, node: Node | None) -> Iterator[str]:
    """What goes with a node, a line each; None: its file is broken, and it has no rights."""
    yield f"remove node {name}: {node_path(layout, name)}"
    kept = kept_key_path(layout, name)
    if kept.exists():
        yield f"delete its private key, which was kept in {kept}"
    if node is None:
        return
    if node.public_keys:
        yield "reject its key: its device cannot log in again"
    if node.ports:
        ports = ", ".join(map(str, node.ports))
        what = "port" if len(node.ports) == 1 else "ports"
        yield f"free {what} {ports} for other nodes"
    for forward in node.forwards:
        for publication in forward.published:
            yield f"close the public port {publication}"
    if node.ports:
        yield "end its tunnel"
