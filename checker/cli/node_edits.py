"""`reversi-checker node rekey|disable|enable|rename|set|expire|move`: what the admin changes of a
node.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from checker.cli.common import Verbs, aims_for, confirmed, narrate, registry_of
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client_files import key_files
from checker.control.node_changes import Edit, carry_out, disable_broken_node, planned, warn
from checker.model import (
    CheckerError,
    InvalidValue,
    Node,
    Verb,
    parse_day,
    parse_expect,
    parse_name,
    parse_port,
    parse_target,
)
from checker.output import say
from checker.registry.edits import (
    forward_at,
    moved,
    rekeyed,
    renamed,
    with_forward,
    without_old_key,
)


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    rekey = declare(
        actions,
        "rekey",
        cmd_rekey,
        "give a node another key; the present one stays until a tunnel of the new one beats",
        "rekey office --client-config office-2.toml\n         reversi-checker node rekey office"
        " --now",
    )
    rekey.add_argument(
        "--now",
        action="store_true",
        help=(
            "the present key opens nothing from now on, and its tunnel is ended; if a new key waits"
            " and no other is asked for, that one is the only one"
        ),
    )
    add_key_options(rekey)
    declare(
        actions,
        "disable",
        cmd_disable,
        "end a node's tunnel, and let its key open nothing; all else is kept",
        "disable office",
    )
    declare(actions, "enable", cmd_enable, "let a disabled node in again", "enable office")
    rename = declare(
        actions,
        "rename",
        cmd_rename,
        "call a node otherwise; key, ports, tunnel and history stay",
        "rename office lobby",
    )
    rename.add_argument("new_name")
    setting = declare(
        actions,
        "set",
        cmd_set,
        "change one forward of a node",
        "set office --target 127.0.0.1:22 --expect banner:SSH-2.0",
    )
    setting.add_argument(
        "--forward",
        metavar="PORT",
        help="which one, by its gateway port (may be left out where there is one)",
    )
    setting.add_argument(
        "--target",
        metavar="HOST:PORT",
        help="where it leads, seen from the node; the node must be told too",
    )
    setting.add_argument(
        "--expect", help="banner:PREFIX, http, tls, 'send:TEXT expect:TEXT' or open"
    )
    setting.add_argument(
        "--deadline", metavar="SECONDS|default", help="how long its target may take to answer"
    )
    setting.add_argument("--port", metavar="PORT", help="its new gateway port, as by `node move`")
    setting.add_argument(
        "--now",
        action="store_true",
        help="with --port: the present port is let go at once, and its tunnel is ended",
    )
    setting.add_argument(
        "--public",
        choices=["yes", "no"],
        help="whether it may be bound to all of the gateway's addresses",
    )
    expire = declare(
        actions,
        "expire",
        cmd_expire,
        "let a node's key open nothing from a day on",
        "expire office 2031-12-31",
    )
    expire.add_argument(
        "day",
        metavar="YYYY-MM-DD|never",
        help="the first day, of the gateway's clock, on which it is refused",
    )
    move = declare(
        actions,
        "move",
        cmd_move,
        "give a forward another gateway port; the present one stays until its device listens there",
        "move office 20010 20500\n         reversi-checker node move office 20010 20010    (stay"
        " after all)",
    )
    move.add_argument(
        "ports",
        nargs="+",
        metavar="[FROM] TO",
        help="gateway ports; FROM may be left out if there is one forward",
    )
    move.add_argument(
        "--now",
        action="store_true",
        help="the present port is let go at once, and its tunnel is ended",
    )


def declare(
    actions: Verbs, name: str, command: Callable[..., ExitCode], text: str, example: str
) -> argparse.ArgumentParser:
    """A verb with what all of these have."""
    parser = actions.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"example: reversi-checker node {example}",
    )
    parser.add_argument("name")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="do not ask before a tunnel is ended (without a terminal it never asks)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    parser.set_defaults(command=command)
    return parser


def apply(
    args: argparse.Namespace,
    layout: Layout,
    edit: Edit,
    during: Callable[[Node], AbstractContextManager[object]] | None = None,
) -> bool:
    """Change the node as `edit` says, within what `during` puts around it, and end what is allowed
    no longer; whether it was done.
    """
    plan = planned(layout, registry_of(layout).node(args.name), edit)
    before = plan.before
    if not plan.changes:
        say(f"{before.name}: that is so already")
        return False
    warn(plan.obstacles, narrate)
    if plan.obstacles and not (args.yes or args.dry_run):
        raise CheckerError("nothing was changed; to do it all the same, add --yes")
    if args.dry_run or (plan.aims and not confirmed(args, Verb.KILL, plan.aims)):
        for port, text in plan.changes:
            say(f"would change {before.name}{f':{port}' if port else ''}: {text}")
        for aim in plan.aims:
            say(f"would end the tunnel on port {aim.port}")
        return False
    carry_out(layout, plan, narrate, during=during)
    for sentence in plan.sentences:
        say(sentence)
    return True


def cmd_rekey(args: argparse.Namespace, layout: Layout) -> ExitCode:
    node = registry_of(layout).node(args.name)
    if args.now and node.next_key is not None and not asks_for_key(args):
        apply(args, layout, without_old_key)
        return ExitCode.OK
    keys = key_files(wish_of(args), layout, load_config(layout.config))
    written: list[Path] = []

    @contextlib.contextmanager
    def during(after: Node) -> Iterator[None]:
        with keys.handed_over(after) as files:
            written.extend(files)
            yield

    if apply(args, layout, lambda node: rekeyed(node, keys.public, now=args.now), during):
        for line in keys.report(written):
            say(line)
    return ExitCode.OK


def asks_for_key(args: argparse.Namespace) -> bool:
    """Whether any option is about another key than the one that waits."""
    return any((args.public_key, args.key_type, args.client_config, args.keep_key, args.gateway))


def cmd_disable(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_of(layout)
    broken = registry.broken_file(args.name)
    if broken is not None:
        aims = (
            aims_for(registry, broken.name)
            if broken.name in registry.nodes and registry.nodes[broken.name].forwards
            else []
        )
        if args.dry_run or (aims and not confirmed(args, Verb.KILL, aims)):
            say(f"would disable {broken.name}, whose file is broken, and end its tunnel")
            return ExitCode.OK
        say(disable_broken_node(layout, registry, broken, narrate))
        return ExitCode.OK
    apply(args, layout, lambda node: replace(node, enabled=False))
    return ExitCode.OK


def cmd_enable(args: argparse.Namespace, layout: Layout) -> ExitCode:
    apply(args, layout, lambda node: replace(node, enabled=True))
    return ExitCode.OK


def cmd_rename(args: argparse.Namespace, layout: Layout) -> ExitCode:
    name = parse_name(args.new_name)
    apply(args, layout, lambda node: renamed(node, name))
    return ExitCode.OK


def cmd_expire(args: argparse.Namespace, layout: Layout) -> ExitCode:
    day = None if args.day == "never" else parse_day(args.day)
    apply(args, layout, lambda node: replace(node, expires=day))
    return ExitCode.OK


def cmd_move(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if len(args.ports) > 2:
        raise InvalidValue("move takes one port, or two: FROM and TO")
    *origin, to = (parse_port(port) for port in args.ports)

    def edit(node: Node) -> Node:
        forward = forward_at(node, origin[0] if origin else None)
        return with_forward(node, forward, moved(forward, to, now=args.now))

    if apply(args, layout, edit):
        warn_of_device(args.name, layout)
    return ExitCode.OK


def cmd_set(args: argparse.Namespace, layout: Layout) -> ExitCode:
    given = {
        "target": args.target,
        "expect": args.expect,
        "deadline": args.deadline,
        "port": args.port,
        "public": args.public,
    }
    if not any(given.values()):
        raise InvalidValue(
            "nothing to set; give --target, --expect, --deadline, --port or --public"
        )
    which = parse_port(args.forward, "--forward") if args.forward else None

    def edit(node: Node) -> Node:
        forward = forward_at(node, which)
        there = (
            moved(forward, parse_port(args.port, "--port"), now=args.now) if args.port else forward
        )
        return with_forward(
            node,
            forward,
            replace(
                there,
                target=parse_target(args.target) if args.target else forward.target,
                expect=parse_expect(args.expect) if args.expect else forward.expect,
                deadline_s=parse_deadline(args.deadline) if args.deadline else forward.deadline_s,
                public=args.public == "yes" if args.public else forward.public,
            ),
        )

    if apply(args, layout, edit) and (args.target or args.port or args.public):
        warn_of_device(args.name, layout)
    return ExitCode.OK


def parse_deadline(text: str) -> float | None:
    """Seconds, or `default`. Raises InvalidValue."""
    if text == "default":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 60:
        raise InvalidValue(
            f"--deadline {text[:40]!r} is out of bounds; write 0.5 to 60 seconds, or default"
        )
    return seconds


def warn_of_device(name: str, layout: Layout) -> None:
    """The gateway can not change what a device asks for."""
    node = registry_of(layout).nodes.get(parse_name(name))
    for port, to in (
        [(f.port, f.next_port) for f in node.forwards if f.next_port is not None] if node else ()
    ):
        narrate(
            f"reversi-checker: {name} stays reachable on port {port}: build its new bundle"
            f" (reversi-client build {name}), or write port {to} into its client's file, bring that"
            f" over through port {port}, and start it; port {port} then goes by itself"
        )
    if node is None or not node.is_waiting:
        narrate(
            "reversi-checker: now change the same in the device's own configuration: node show"
            f" {name}"
        )
