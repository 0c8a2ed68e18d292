"""The verbs `node set` and `node move`: change tags and note, or one forward of a node."""

from __future__ import annotations

import argparse

from checker.cli.common import registry_of
from checker.cli.dialog import narrate
from checker.cli.exit_codes import ExitCode
from checker.cli.label_options import add_labels
from checker.cli.node_edits import (
    add_edit,
    add_edit_of_several,
    apply,
    apply_to_each,
    is_about_one,
)
from checker.cli.verbs import Verbs
from checker.config.layout import Layout
from checker.control.forward_setting import Setting, as_set
from checker.model import (
    ExpectKind,
    InvalidValue,
    Node,
    Port,
    parse_name,
    parse_port,
)
from checker.registry.beating_every import parse_pacing
from checker.registry.edits import forward_at, moved, with_forward
from checker.registry.labels import parse_relabelling


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    add_set(actions)
    add_move(actions)


def add_set(actions: Verbs) -> None:
    setting = add_edit_of_several(
        actions,
        "set",
        cmd_set,
        "change tags, note and pace of nodes, or one forward of a node",
        "set office --target 127.0.0.1:22 --expect banner:SSH-2.0",
        "set office shed --tag site-a --untag spare",
        'set office --note "attic, key at the bakery"',
    )
    add_labels(setting)
    setting.add_argument(
        "--untag", action="append", default=[], metavar="TAG", help="remove a tag; can be repeated"
    )
    setting.add_argument(
        "--probe-beating-every",
        metavar="SECONDS|default",
        help="time between two probes of each forward while the tunnel beats",
    )
    setting.add_argument(
        "--forward",
        metavar="PORT",
        help="which forward, by its gateway port (not needed if the node has only one)",
    )
    setting.add_argument(
        "--target",
        metavar="HOST:PORT",
        help="new target, as the node reaches it; change the device's configuration too",
    )
    setting.add_argument(
        "--expect",
        help=(
            "expected response: banner:PREFIX, http, tls, 'send:TEXT expect:TEXT', hostkey (SSH,"
            " with the key that `node pin` pinned) or open"
        ),
    )
    setting.add_argument(
        "--deadline",
        metavar="SECONDS|default",
        help="how long the target may take to answer",
    )
    setting.add_argument("--port", metavar="PORT", help="new gateway port, as with `node move`")
    add_now(setting, "with --port: ")
    setting.add_argument(
        "--public",
        choices=["yes", "no"],
        help="whether the device may listen on all of the gateway's addresses",
    )


def add_move(actions: Verbs) -> None:
    move = add_edit(
        actions,
        "move",
        cmd_move,
        "give a forward a new gateway port; the old one stays until its device uses the new one",
        "move office 20010 20500",
        "move office 20010 20010    (cancel the move)",
    )
    move.add_argument(
        "ports",
        nargs="+",
        metavar="[FROM] TO",
        help="gateway ports; FROM is not needed if the node has only one forward",
    )
    add_now(move)


def add_now(parser: argparse.ArgumentParser, when: str = "") -> None:
    parser.add_argument(
        "--now",
        action="store_true",
        help=f"{when}free the old port at once, and end its tunnel",
    )


def cmd_move(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if len(args.ports) > 2:
        raise InvalidValue("move takes one port, or two: FROM and TO")
    *origin, to = (parse_port(port) for port in args.ports)

    def edit(node: Node) -> Node:
        forward = forward_at(node, origin[0] if origin else None)
        return with_forward(node, forward, moved(forward, to, now=args.now))

    if apply(args, layout, edit):
        remind_of_device(args.name, layout)
    return ExitCode.OK


def cmd_set(args: argparse.Namespace, layout: Layout) -> ExitCode:
    labels = parse_relabelling(args.tag, args.untag, args.note)
    pacing = parse_pacing(args.probe_beating_every)
    is_about_forward = any((args.target, args.expect, args.deadline, args.port, args.public))
    if not is_about_forward and not labels and not pacing:
        raise InvalidValue(
            "nothing to set; give --target, --expect, --deadline, --port or --public, or --tag,"
            " --untag, --note or --probe-beating-every"
        )
    if not is_about_forward:
        return apply_to_each(args, layout, lambda node: labels.of(pacing.of(node)))
    if not is_about_one(args):
        raise InvalidValue(
            "only --tag, --untag, --note and --probe-beating-every are for several nodes; for a"
            " forward, name one NODE"
        )
    which = parse_port(args.forward, "--forward") if args.forward else None

    def edit(node: Node) -> Node:
        forward = forward_at(node, which)
        changed = with_forward(node, forward, as_set(setting_of(args), forward))
        return labels.of(pacing.of(changed))

    if apply(args, layout, edit):
        if args.target or args.port or args.public:
            remind_of_device(args.name, layout)
        if args.expect:
            remind_of_pin(args.name, layout)
    return ExitCode.OK


def setting_of(args: argparse.Namespace) -> Setting:
    """What the options ask for."""
    return Setting(
        target=args.target or "",
        expect=args.expect or "",
        deadline=args.deadline or "",
        port=args.port or "",
        public=args.public or "",
        now=args.now,
    )


def remind_of_device(name: str, layout: Layout) -> None:
    """Say what the admin must change on the device, since the gateway cannot."""
    node = registry_of(layout).nodes.get(parse_name(name))
    for forward in node.forwards if node else ():
        if forward.next_port is not None:
            narrate(move_reminder(name, forward.port, forward.next_port))
    if node is None or not node.is_waiting:
        narrate(
            f"now change the device's own configuration too; see: reversi-checker node show {name}"
        )


def remind_of_pin(name: str, layout: Layout) -> None:
    """Say what is missing if a forward expects a host key and none is pinned."""
    node = registry_of(layout).nodes.get(parse_name(name))
    for forward in node.forwards if node else ():
        if forward.expect.kind is ExpectKind.HOSTKEY and not forward.host_key:
            narrate(
                f"{name}:{forward.port}: no host key is pinned, so none is compared; when the"
                f" device is up, run: reversi-checker node pin {name}"
            )


def move_reminder(name: str, port: Port, new: Port) -> str:
    return (
        f"{name} stays reachable on port {port}: build its new bundle (reversi-client build"
        f" {name}), or write port {new} into its client's file; copy that to the device through"
        f" port {port}, and start it; port {port} is then freed by itself"
    )
