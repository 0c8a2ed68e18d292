"""The verbs `node import` and `adopt`: take over the nodes of the original product."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from checker.cli.answers import say_json
from checker.cli.dialog import narrate, show_note, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.cli.node_add import report_node
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.adoption import adopt
from checker.control.importing import FileRemark, Import, import_files
from checker.model import Node
from checker.output import say

NO_KEY = (
    "the shared key is off, and these nodes have no other: set [shared_key] in reversi.toml (an"
    " installed gateway does so with init --shared-key FILE), or give each its own with:"
    " reversi-checker node adopt NAME"
)


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    importing = add_verb(
        actions,
        "import",
        "register the nodes in the original product's .rev files",
        "reversi-checker node import sources/ --dry-run",
        ending="exit status 1: some line or file was not taken",
    )
    importing.add_argument(
        "path", nargs="+", type=Path, metavar="PATH", help="a .rev file, or a directory of them"
    )
    add_dry_run(importing, "print what would be registered, and do nothing")
    add_json(importing)
    importing.set_defaults(command=cmd_import)
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
    adopting.add_argument("name")
    adopting.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[PORT=]HOST:PORT",
        help="target of a port, as the node reaches it (default for SSH: 127.0.0.1:22)",
    )
    add_key_options(adopting)
    add_json(adopting)
    adopting.set_defaults(command=cmd_adopt)


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    shared_key = load_config(layout.config).shared_key
    found = import_files(layout, args.path, show_note, is_dry=args.dry_run)
    if args.json:
        say_json(dry_run=args.dry_run, **import_json(found))
    else:
        print_import(found, "would register" if args.dry_run else "registered")
    if found.nodes and not shared_key.enabled:
        warn(NO_KEY)
    return ExitCode.NOT_UP if found.problems else ExitCode.OK


def import_json(found: Import) -> dict[str, Any]:
    """The documented shape, without its schema and `dry_run`."""
    return {
        "nodes": [imported_json(path, node) for path, node in found.nodes],
        "notes": [remark_json(one) for one in found.notes],
        "problems": [remark_json(one) for one in found.problems],
    }


def imported_json(path: Path, node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "file": str(path),
        "forwards": [
            {
                "port": forward.port,
                "target": str(forward.target),
                "expect": str(forward.expect),
                "public": forward.public,
            }
            for forward in node.forwards
        ],
    }


def remark_json(one: FileRemark) -> dict[str, Any]:
    return {"file": str(one.path), "line": one.remark.line or None, "text": one.remark.text}


def print_import(found: Import, verb: str) -> None:
    for _, node in found.nodes:
        for forward in node.forwards:
            say(
                f"{verb} {node.name}: port {forward.port} -> {forward.target}, expecting"
                f" {forward.expect}"
            )
    for note in found.notes:
        narrate(f"note: {note}")
    for problem in found.problems:
        narrate(f"not taken: {problem}")


def cmd_adopt(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    node, keys, written = adopt(layout, config, args.target, wish_of(args), show_note)
    report_node(args, layout, node, keys, written)
    return ExitCode.OK
