"""The verbs `node forward add` and `node forward remove`."""

from __future__ import annotations

import argparse
import shlex
import time

from checker.cli.common import registry_of
from checker.cli.dialog import narrate, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.node_add import checked_deadline
from checker.cli.node_edits import add_edit, apply
from checker.cli.verbs import Verbs, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.expectations import open_note
from checker.control.registering import freed_warnings
from checker.model import Forward, ForwardRequest, Node, Port, parse_forward, parse_port
from checker.output import say
from checker.registry.edits import forward_at, leaving, with_forwards, without_forward
from checker.registry.nodes import Registry, allot


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    group = add_verb(
        actions,
        "forward",
        "give a node one more forward, or take one away",
        "reversi-checker node forward add office 192.168.1.9:443,tls",
    )
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding = add_edit(
        verbs,
        "add",
        cmd_add,
        "give a node one more forward; its tunnel stays",
        "forward add office 192.168.1.9:443,tls",
    )
    adding.add_argument(
        "forward",
        metavar="[PORT=]HOST:PORT[,public][,EXPECT]",
        help="as in `node add --forward`",
    )
    adding.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="how long the target may take to answer"
    )
    removing = add_edit(
        verbs,
        "remove",
        cmd_remove,
        "take a forward from a node, as soon as its device no longer asks for it",
        "forward remove office 20011",
        "forward remove office 20011 --now",
    )
    removing.add_argument("port", metavar="PORT", help="the forward's gateway port")
    removing.add_argument(
        "--now",
        action="store_true",
        help="remove it at once, and end the tunnel; a bundle that still asks for it stays out",
    )


def cmd_add(args: argparse.Namespace, layout: Layout) -> ExitCode:
    request, deadline_s = parse_forward(args.forward), checked_deadline(args.deadline)
    registry = registry_of(layout)
    forwards = allotted(layout, registry, registry.node(args.name), request, deadline_s)
    for text in freed_warnings(forwards, registry, {request.port}):
        warn(text)
    if apply(args, layout, lambda node: with_forwards(node, forwards)):
        remind(args.name, forwards[0])
    node = registry.node(args.name)
    about_open = open_note(node.name, forwards, (request,), is_only=False)
    if about_open:
        narrate(about_open)
    return ExitCode.OK


def allotted(
    layout: Layout,
    registry: Registry,
    node: Node,
    request: ForwardRequest,
    deadline_s: float | None,
) -> tuple[Forward, ...]:
    """The forward that is asked for, with its port. Raises PortsUsedUp."""
    ports = load_config(layout.config).policy.ports
    return allot(registry, node.name, (request,), ports, deadline_s=deadline_s)


def remind(name: str, forward: Forward) -> None:
    """Say what the admin must change on the device, since the gateway cannot."""
    say(f"{name}: port {forward.port} -> {forward.target}, expecting {forward.expect}")
    narrate(
        f"its tunnel stays; port {forward.port} works once the device asks for it:"
        f" {new_bundle(name)}, or"
        f' write [[forward]] with port = {forward.port} and target = "{forward.target}" into its'
        " client's file and restart that"
    )


def new_bundle(name: str) -> str:
    """How to give a device a new bundle, as a clause."""
    return f"bring it a new bundle ({shlex.join(['reversi-client', 'rollout', name])})"


def cmd_remove(args: argparse.Namespace, layout: Layout) -> ExitCode:
    port = parse_port(args.port)

    def edit(node: Node) -> Node:
        forward = forward_at(node, port)
        if args.now:
            return without_forward(node, forward)
        return leaving(node, forward, int(time.time()))

    done = apply(args, layout, edit)
    if done or args.dry_run:
        narrate(reminder(args.name, port, is_now=args.now))
    return ExitCode.OK


def reminder(name: str, port: Port, *, is_now: bool) -> str:
    """What the admin must do at the device."""
    if is_now:
        return (
            f"a device that still asks for port {port} is refused: with a bundle or plain ssh it"
            " stays out until somebody installs a new one"
        )
    return (
        f"{name} keeps port {port} until its device no longer asks for it: {new_bundle(name)}, or"
        f" take the forward out of its client's file and restart that; port {port} is then freed by"
        " itself"
    )
