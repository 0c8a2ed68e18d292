"""`reversi-checker node add|list|show|remove`: nodes come, are looked at, and go."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from checker.cli import migrate, node_edits
from checker.cli.common import (
    Verbs,
    aims_for,
    confirmed,
    narrate,
    node_json,
    registry_of,
    registry_there,
    unregistered_json,
    unregistered_rows,
    what_was_seen,
)
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client_files import KeyFiles, key_files
from checker.control.node_changes import Wanted, end_tunnels, register, tell, warn_of_heirs
from checker.control.unregistered import unregistered_seen
from checker.model import (
    CheckerError,
    Forward,
    Node,
    NodeName,
    Verb,
    joined,
    parse_forward,
    parse_name,
)
from checker.output import aligned, clock, day, say, today
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import kept_key_path, remove
from checker.registry.lock import locked
from checker.registry.succession import old_key_note
from checker.state.errors import StateError
from checker.state.store import open_reader


class Public(argparse.Action):
    """Marks the `--forward` that stands before it, by its number."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=frozenset(), **options)

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,  # noqa: ARG002 - argparse calls it so
        option_string: str | None = None,
    ) -> None:
        if not namespace.forward:
            parser.error(f"{option_string} is said of a forward: write it after that --forward")
        setattr(namespace, self.dest, {*getattr(namespace, self.dest), len(namespace.forward) - 1})


def add_to(verbs: Verbs) -> None:
    """Declare `node` and its verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    node = verbs.add_parser(
        "node",
        help="add, list, show, change and remove nodes",
        formatter_class=raw,
        epilog="example: reversi-checker node list",
    )
    actions = node.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_adding(actions)
    listing = actions.add_parser(
        "list",
        help="all nodes",
        formatter_class=raw,
        epilog="example: reversi-checker node list --json",
    )
    listing.add_argument("--json", action="store_true", help="one JSON document")
    listing.set_defaults(command=cmd_list)
    showing = actions.add_parser(
        "show",
        help="one node",
        formatter_class=raw,
        epilog="example: reversi-checker node show office",
    )
    showing.add_argument("name")
    showing.add_argument("--json", action="store_true", help="one JSON document")
    showing.set_defaults(command=cmd_show)
    removing = actions.add_parser(
        "remove",
        help="forget a node, and end its tunnel",
        formatter_class=raw,
        epilog="example: reversi-checker node remove office",
    )
    removing.add_argument("name")
    removing.add_argument(
        "--yes", action="store_true", help="do not ask (without a terminal it never asks)"
    )
    removing.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    removing.set_defaults(command=cmd_remove)
    node_edits.add_to(actions)
    migrate.add_to(actions)


def add_adding(actions: Verbs) -> None:
    adding = actions.add_parser(
        "add",
        help="register a node",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            "example: reversi-checker node add office "
            "--forward 127.0.0.1:22,banner:SSH-2.0 --client-config office.toml"
        ),
    )
    adding.add_argument("name")
    adding.add_argument(
        "--forward",
        action="append",
        required=True,
        metavar="[PORT=]HOST:PORT[,EXPECT]",
        help=(
            "gateway port (allotted if left out), target seen from the node, and banner:PREFIX,"
            " http, tls, 'send:TEXT expect:TEXT' or open (the default, which can not see a hang)"
        ),
    )
    adding.add_argument(
        "--deadline", type=float, metavar="SECONDS", help="how long its targets may take to answer"
    )
    adding.add_argument(
        "--public",
        action=Public,
        help="the --forward before this may be bound to all of the gateway's addresses",
    )
    add_key_options(adding)
    adding.add_argument("--json", action="store_true", help="one JSON document")
    adding.set_defaults(command=cmd_add)


def cmd_add(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    name = parse_name(args.name)
    requests = [parse_forward(text) for text in args.forward]
    if args.deadline is not None and not 0.5 <= args.deadline <= 60:
        raise CheckerError(
            f"--deadline {args.deadline:g} is out of bounds; write 0.5 to 60 seconds"
        )
    keys = key_files(wish_of(args), layout, config)
    wanted = Wanted(
        name=name, requests=tuple(requests), public=frozenset(args.public), deadline_s=args.deadline
    )
    node, written = register(layout, config, wanted, keys, narrate)
    report_added(args, layout, node, keys, written)
    return ExitCode.OK


def report_added(
    args: argparse.Namespace, layout: Layout, node: Node, keys: KeyFiles, written: list[Path]
) -> None:
    if args.json:
        say(
            json.dumps(
                {
                    "schema": 1,
                    "node": node_json(node, layout),
                    "files": [str(path) for path in written],
                },
                indent=2,
            )
        )
        return
    for forward in node.forwards:
        say(f"{node.name}: port {forward.port} -> {forward.target}, expecting {forward.expect}")
    for line in keys.report(written):
        say(line)


def cmd_list(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_there(layout)
    strangers = unregistered_seen(layout, registry)
    if args.json:
        nodes = [node_json(node, layout) for node in registry.nodes.values()]
        broken = [one.as_json() for one in registry.broken_files]
        say(
            json.dumps(
                {
                    "schema": 1,
                    "nodes": nodes,
                    "unregistered": unregistered_json(strangers),
                    "broken": broken,
                },
                indent=2,
            )
        )
        return ExitCode.OK
    rows = [
        (node.name, *place, key_state(node))
        for node in registry.nodes.values()
        for place in [(port_cell(f), str(f.target), str(f.expect)) for f in node.forwards]
        or [("-", "-", "-")]
    ]
    rows += [(one.name, "-", "-", "-", f"broken: {one.sentence}") for one in registry.broken_files]
    say(
        aligned([("NODE", "PORT", "TARGET", "EXPECT", "KEY"), *rows, *unregistered_rows(strangers)])
    )
    return ExitCode.OK


def port_cell(forward: Forward) -> str:
    """Its port, and the one that it moves to."""
    return (
        f"{forward.port}"
        if forward.next_port is None
        else f"{forward.port}, moves to {forward.next_port}"
    )


def key_state(node: Node) -> str:
    """What its key opens, in a word or two."""
    parts = [("the shared one" if node.is_shared else "valid") if node.enabled else "disabled"]
    if node.expires is not None:
        parts = (
            [f"expired {node.expires}" if node.expires <= today() else f"until {node.expires}"]
            if node.enabled
            else parts
        )
    return ", ".join([*parts, *(["a new one waits"] if node.next_key else [])])


def cmd_show(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_there(layout)
    node, broken = registry.node(args.name), registry.broken_file(args.name)
    if args.json:
        client = client_of(layout, node.name) or None
        more = {"broken": broken.as_json()} if broken else {}
        say(
            json.dumps(
                {"schema": 1, "node": {**node_json(node, layout), "client": client, **more}},
                indent=2,
            )
        )
        return ExitCode.OK
    if broken:
        say(f"broken    {broken.sentence}")
    say(
        f"node      {node.name}\nadded     {clock(node.added_at)}\nstate     {key_state(node)}\nkey"
        f"       {node.public_key}"
    )
    if node.next_key:
        say(
            f"next key  {node.next_key}, the only one once a tunnel of it beats;"
            f" {old_key_note(node)}"
        )
    kept = kept_key_path(layout, node.name)
    if kept.exists():
        say(f"kept      the private key lies at {kept}")
    for forward in node.forwards:
        deadline = "" if forward.deadline_s is None else f", within {forward.deadline_s:g} s"
        public = ", on all addresses" if forward.public else ""
        moves = (
            ""
            if forward.next_port is None
            else f", moves to port {forward.next_port} since {day(forward.next_port_at)}"
        )
        say(
            f"forward   {forward.port} -> {forward.target}, expecting"
            f" {forward.expect}{deadline}{public}{moves}"
        )
        for publication in forward.published:
            say(f"published port {publication} -> {forward.port}")
    client = client_of(layout, node.name)
    if client:
        say(f"client    {client}")
    show_conditions(layout, node)
    return ExitCode.OK


def client_of(layout: Layout, name: NodeName) -> str:
    """What the node's newest connection calls itself; empty where that is not known."""
    try:
        with closing(open_reader(layout.state)) as state:
            return next(
                (one.client for one in reversed(state.registrations()) if one.node == name), ""
            )
    except StateError:
        return ""


def show_conditions(layout: Layout, node: Node) -> None:
    """What was last seen of its forwards."""
    try:
        seen, _ = what_was_seen(layout)
    except StateError as error:
        print(f"reversi-checker: warning: {error}", file=sys.stderr)
        return
    for forward, tunnel in joined(node.forwards, seen):
        if tunnel.detail or tunnel.probed_at is not None:
            say(
                f"seen      {forward.port}"
                f" {tunnel.status}{f': {tunnel.detail}' if tunnel.detail else ''}"
            )


def cmd_remove(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_of(layout)
    name = NodeName(args.name) if args.name in registry.broken else parse_name(args.name)
    if name not in registry.broken:
        registry.node(name)
    aims = (
        aims_for(registry, name) if name in registry.nodes and registry.nodes[name].forwards else []
    )
    if args.dry_run or not confirmed(args, Verb.KILL, aims):
        say(f"would remove {name}, and end its tunnel")
        return ExitCode.OK
    with locked(layout):
        remove(
            layout, name, gate_command(layout), meanwhile=lambda: end_tunnels(layout, aims, narrate)
        )
    tell(layout, name, [(None, "removed")], narrate)
    warn_of_heirs(layout, registry, narrate)
    say(f"removed {name}")
    return ExitCode.OK
