"""`reversi-checker node ...`: what the admin decides about nodes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cli import ExitCode
from checker.commands import registry_of, say
from checker.config import ConfigError, Layout, load_config
from checker.control import Control, Verb, operator_name
from checker.keys import parse_public_key
from checker.model import CheckerError, Node, parse_forward, parse_name
from checker.provision import addresses, client_config, make_key_pair, write_secret
from checker.registry import Registry, add, allot, conflict, gate_command, locked, read_registry, remove, write_keys
from checker.sshd import make_host_key
from checker.table import aligned, clock

if TYPE_CHECKING:
    from checker.commands import Verbs


def add_to(verbs: Verbs) -> None:
    """Declare `node` and its verbs."""
    raw = argparse.RawDescriptionHelpFormatter
    node = verbs.add_parser("node", help="add, list, show and remove nodes", formatter_class=raw,
                            epilog="example: reversi-checker node list")
    actions = node.add_subparsers(title="commands", metavar="COMMAND", required=True)
    adding = actions.add_parser("add", help="register a node", formatter_class=raw,
                                epilog="example: reversi-checker node add office "
                                       "--forward 127.0.0.1:22,banner:SSH-2.0 --client-config office.toml")
    adding.add_argument("name")
    adding.add_argument("--forward", action="append", required=True, metavar="[PORT=]HOST:PORT[,EXPECT]",
                        help="gateway port (allotted if left out), target seen from the node, and banner:PREFIX, http, tls, "
                             "'send:TEXT expect:TEXT' or open (the default, which can not see a hang)")
    adding.add_argument("--deadline", type=float, metavar="SECONDS", help="how long its targets may take to answer")
    adding.add_argument("--public-key", type=Path, metavar="FILE", help="the node's own key (- for stdin); without it a pair is made")
    adding.add_argument("--client-config", type=Path, metavar="FILE", help="write what reversi-client needs, the private key beside it")
    adding.add_argument("--gateway", action="append", metavar="HOST:PORT", help="how the node reaches this gateway; may be given again")
    adding.add_argument("--json", action="store_true", help="one JSON document")
    adding.set_defaults(command=cmd_add)
    listing = actions.add_parser("list", help="all nodes", formatter_class=raw, epilog="example: reversi-checker node list --json")
    listing.add_argument("--json", action="store_true", help="one JSON document")
    listing.set_defaults(command=cmd_list)
    showing = actions.add_parser("show", help="one node", formatter_class=raw, epilog="example: reversi-checker node show office")
    showing.add_argument("name")
    showing.add_argument("--json", action="store_true", help="one JSON document")
    showing.set_defaults(command=cmd_show)
    removing = actions.add_parser("remove", help="forget a node, and end its tunnel", formatter_class=raw,
                                  epilog="example: reversi-checker node remove office")
    removing.add_argument("name")
    removing.add_argument("--yes", action="store_true", help="do not ask (without a terminal it never asks)")
    removing.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    removing.set_defaults(command=cmd_remove)


def node_json(node: Node) -> dict[str, Any]:
    """The documented shape of a node."""
    return {
        "name": node.name,
        "public_key": node.public_key,
        "added_at": node.added_at,
        "forwards": [
            {"port": forward.port, "target": str(forward.target), "expect": str(forward.expect), "deadline_s": forward.deadline_s}
            for forward in node.forwards
        ],
    }


def read_public_key(path: Path) -> str:
    """The key of a file, or of stdin. Raises CheckerError."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, "can not be read as a public key; give the .pub file that ssh-keygen made") from error
    return parse_public_key(text)


def cmd_add(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    name = parse_name(args.name)
    requests = [parse_forward(text) for text in args.forward]
    if args.deadline is not None and not 0.5 <= args.deadline <= 60:
        raise CheckerError(f"--deadline {args.deadline:g} is out of bounds; write 0.5 to 60 seconds")
    gateways = addresses(layout, config, args.gateway) if args.client_config else []
    if layout.home is not None:
        make_host_key(layout.host_key)
    private, public = (None, read_public_key(args.public_key)) if args.public_key else made_key(name)
    with locked(layout):
        registry = read_registry(layout.nodes)
        forwards = allot(registry, name, requests, config.policy.ports, deadline_s=args.deadline)
        node = Node(name=name, public_key=public, forwards=forwards, added_at=int(time.time()))
        refuse_conflict(node, registry)
        written = hand_over(args, node, private, client_config(layout, config, node, gateways, key_path(args)) if gateways else None)
        try:
            add(layout, node, gate_command(layout))
        except CheckerError:
            for path in written:
                path.unlink(missing_ok=True)
            raise
    Control(layout=layout).reload()
    report_added(args, node, written)
    return ExitCode.OK


def made_key(name: str) -> tuple[bytes, str]:
    private, public = make_key_pair(f"reversi:{name}")
    return private, parse_public_key(public)


def refuse_conflict(node: Node, registry: Registry) -> None:
    """Raises NameTaken, PortTaken, KeyTaken."""
    trouble = conflict(node, list(registry.nodes.values()))
    if trouble is not None:
        raise trouble


def key_path(args: argparse.Namespace) -> Path:
    """Where the private key goes: beside the client's configuration, else into the current directory."""
    config: Path | None = args.client_config
    return config.with_name(config.name + ".key") if config else Path(f"{args.name}.key")


def hand_over(args: argparse.Namespace, node: Node, private: bytes | None, config: bytes | None) -> list[Path]:
    """Write the private key, which is kept nowhere else, and the client's configuration; the paths. Raises ConfigError."""
    files = {key_path(args): private, args.client_config: config}
    for path, content in files.items():
        if path is not None and content is not None and path.exists():
            raise ConfigError(path, f"is there already, and may be in use; move it away, or name another file for node {node.name}")
    written = []
    for path, content in files.items():
        if path is not None and content is not None:
            write_secret(path, content)
            written.append(path)
    return written


def report_added(args: argparse.Namespace, node: Node, written: list[Path]) -> None:
    if args.json:
        print(json.dumps({"schema": 1, "node": node_json(node), "files": [str(path) for path in written]}, indent=2))
        return
    for forward in node.forwards:
        say(f"{node.name}: port {forward.port} -> {forward.target}, expecting {forward.expect}")
    for path in written:
        say(f"wrote {path}")


def cmd_list(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_of(layout)
    if args.json:
        print(json.dumps({"schema": 1, "nodes": [node_json(node) for node in registry.nodes.values()]}, indent=2))
        return ExitCode.OK
    rows = [(node.name, str(f.port), str(f.target), str(f.expect)) for node in registry.nodes.values() for f in node.forwards]
    print(aligned([("NODE", "PORT", "TARGET", "EXPECT"), *rows]))
    return ExitCode.OK


def cmd_show(args: argparse.Namespace, layout: Layout) -> ExitCode:
    node = registry_of(layout).node(args.name)
    if args.json:
        print(json.dumps({"schema": 1, "node": node_json(node)}, indent=2))
        return ExitCode.OK
    say(f"node      {node.name}\nadded     {clock(node.added_at)}\nkey       {node.public_key}")
    for forward in node.forwards:
        deadline = "" if forward.deadline_s is None else f", within {forward.deadline_s:g} s"
        say(f"forward   {forward.port} -> {forward.target}, expecting {forward.expect}{deadline}")
    return ExitCode.OK


def cmd_remove(args: argparse.Namespace, layout: Layout) -> ExitCode:
    registry = registry_of(layout)
    name = parse_name(args.name)
    if not (layout.nodes / f"{name}.toml").exists():
        registry.node(name)
    from checker.commands import aims_for, confirmed

    aims = aims_for(registry, name) if name in registry.nodes else []
    if args.dry_run or not confirmed(args, Verb.KILL, aims):
        say(f"would remove {name}, and end its tunnel")
        return ExitCode.OK
    with locked(layout):
        write_keys(layout, gate_command(layout), without=name)  # first the key: what is killed must not come back
        for outcome in Control(layout=layout).act(Verb.KILL, aims) if aims else ():
            print(f"{outcome.node}:{outcome.port}: {outcome.sentence}", file=sys.stderr)
        remove(layout, name, gate_command(layout))
    Control(layout=layout).reload()
    say(f"removed {name} ({operator_name()})")
    return ExitCode.OK
