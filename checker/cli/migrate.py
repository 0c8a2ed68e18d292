"""The verb `node adopt`: give a node of the shared key a key of its own."""

from __future__ import annotations

import argparse

from checker.cli.dialog import show_note
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.cli.node_add import report_node
from checker.cli.node_import import add_import
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.adoption import Choice, adopt
from checker.model import parse_port


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    add_import(actions)
    add_adopt(actions)


def add_adopt(actions: Verbs) -> None:
    adopting = add_verb(
        actions,
        "adopt",
        "give a node of the shared key a key of its own",
        "reversi-checker node adopt office --target 127.0.0.1:22 --client-config office.toml",
        ending=(
            "The shared key still opens its ports until a tunnel with the new key beats.\nTo end"
            " that by hand: reversi-checker node rekey office --now"
        ),
    )
    adopting.add_argument("name", metavar="NODE", help="the node, or what its device calls itself")
    adopting.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[PORT=]HOST:PORT",
        help="target of a port, as the node reaches it (default for SSH: 127.0.0.1:22)",
    )
    adopting.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="PORT",
        help=(
            "of the ports on which unregistered devices of the name listen, only this one; may be"
            " given more than once"
        ),
    )
    add_key_options(adopting)
    add_dry_run(adopting, "print what would be registered and written, and do nothing")
    add_json(adopting)
    adopting.set_defaults(command=cmd_adopt)


def cmd_adopt(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    choice = Choice(targets=args.target, ports=frozenset(map(parse_port, args.port)))
    node, keys, written = adopt(
        layout, config, choice, wish_of(args, layout, config), show_note, is_dry=args.dry_run
    )
    report_node(args, layout, node, keys, written)
    return ExitCode.OK
