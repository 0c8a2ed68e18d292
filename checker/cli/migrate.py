"""`reversi-checker node import|adopt`: fleets of the original come over, node by node."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from checker.cli.common import Verbs, narrate, registry_of
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.adoption import to_be_adopted
from checker.control.client import Control
from checker.control.client_files import key_files
from checker.control.importing import Import, Said, look_at_files, register
from checker.control.node_changes import tell
from checker.model import CheckerError, parse_name
from checker.output import say
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import change
from checker.registry.edits import rekeyed
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.sshd.keygen import make_host_key

TOLD_AT_ONCE = 100
"""Events in one message to the daemon, which takes 64 KiB."""


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    importing = actions.add_parser(
        "import",
        help="register what the original's .rev files describe",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker node import sources/ --dry-run\n"
            "exit code 1: some line or file was not taken"
        ),
    )
    importing.add_argument(
        "path", nargs="+", type=Path, metavar="PATH", help="a .rev file, or a directory of them"
    )
    importing.add_argument("--dry-run", action="store_true", help="report, and register nothing")
    importing.add_argument("--json", action="store_true", help="one JSON document")
    importing.set_defaults(command=cmd_import)
    adopting = actions.add_parser(
        "adopt",
        help="give a node of the shared key one of its own",
        formatter_class=raw,
        epilog=(
            "example: reversi-checker node adopt office --target 127.0.0.1:22 --client-config"
            " office.toml\nThe shared key goes on to open its ports until a tunnel of the new key"
            " beats;\nto end that by hand: reversi-checker node rekey office --now"
        ),
    )
    adopting.add_argument("name")
    adopting.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[PORT=]HOST:PORT",
        help="where a port leads, seen from the node; for SSH it is 127.0.0.1:22 if left out",
    )
    add_key_options(adopting)
    adopting.add_argument("--json", action="store_true", help="one JSON document")
    adopting.set_defaults(command=cmd_adopt)


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    shared_key = load_config(layout.config).shared_key
    if args.dry_run:
        registry = registry_of(layout)
        found, freed = look_at_files(args.path, registry, now=int(time.time())), registry.freed
    else:
        with locked(layout):
            registry = registry_of(layout)
            found, freed = look_at_files(args.path, registry, now=int(time.time())), registry.freed
            register(layout, [node for _, node in found.nodes])
        clauses = [
            (node.name, forward.port, f"imported from {path.name}")
            for path, node in found.nodes
            for forward in node.forwards
        ]
        for at in range(0, len(clauses), TOLD_AT_ONCE):
            trouble = Control(layout=layout).changed(clauses[at : at + TOLD_AT_ONCE])
            if trouble:
                print(
                    "reversi-checker: warning: it is done, and the log could not be told:"
                    f" {trouble}",
                    file=sys.stderr,
                )
    report_import(args, found)
    for _, node in found.nodes:
        for forward in node.forwards:
            if forward.port in freed:
                print(f"reversi-checker: warning: {freed[forward.port].sentence}", file=sys.stderr)
    if found.nodes and not shared_key.enabled:
        print(
            "reversi-checker: warning: the shared key is off, and these nodes have no other: set"
            " [shared_key] in reversi.toml, or give each its own with: reversi-checker node adopt"
            " NAME",
            file=sys.stderr,
        )
    return ExitCode.NOT_UP if found.problems else ExitCode.OK


def said_json(said: Said) -> dict[str, Any]:
    return {"file": str(said.path), "line": said.remark.line or None, "text": said.remark.text}


def report_import(args: argparse.Namespace, found: Import) -> None:
    if args.json:
        nodes = [
            {
                "name": node.name,
                "file": str(path),
                "forwards": [
                    {
                        "port": f.port,
                        "target": str(f.target),
                        "expect": str(f.expect),
                        "public": f.public,
                    }
                    for f in node.forwards
                ],
            }
            for path, node in found.nodes
        ]
        remarks = {
            "notes": [said_json(one) for one in found.notes],
            "problems": [said_json(one) for one in found.problems],
        }
        say(json.dumps({"schema": 1, "dry_run": args.dry_run, "nodes": nodes, **remarks}, indent=2))
        return
    for _, node in found.nodes:
        for forward in node.forwards:
            verb = "would register" if args.dry_run else "registered"
            say(
                f"{verb} {node.name}: port {forward.port} -> {forward.target}, expecting"
                f" {forward.expect}"
            )
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    for problem in found.problems:
        print(f"not taken: {problem}", file=sys.stderr)


def cmd_adopt(args: argparse.Namespace, layout: Layout) -> ExitCode:
    name = parse_name(args.name)
    present = to_be_adopted(args.target, layout, read_registry(layout.nodes), name)
    keys = key_files(wish_of(args), layout, load_config(layout.config))
    if layout.home is not None:
        make_host_key(layout.host_key)
    after = rekeyed(present, keys.public, now=False)
    with locked(layout):
        if read_registry(layout.nodes).nodes.get(name) not in (None, present):
            raise CheckerError(
                f"node {name} was changed by somebody else meanwhile; look at it, and run this"
                " again"
            )
        with keys.handed_over(after) as written:
            change(layout, name, after, gate_command(layout))
    text = (
        "adopted: its own key waits, and the shared one opens its ports until a tunnel of its own"
        " beats"
    )
    tell(layout, name, [(forward.port, text) for forward in after.forwards], narrate)
    if args.json:
        from checker.cli.common import node_json

        say(
            json.dumps(
                {
                    "schema": 1,
                    "node": node_json(after, layout),
                    "files": [str(path) for path in written],
                },
                indent=2,
            )
        )
        return ExitCode.OK
    for forward in after.forwards:
        say(f"{name}: port {forward.port} -> {forward.target}, expecting {forward.expect}")
    for line in keys.report(written):
        say(line)
    return ExitCode.OK
