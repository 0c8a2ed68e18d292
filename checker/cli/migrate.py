"""The verbs `node import` and `adopt`: take over nodes of other products and of the shared key."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from checker.cli.answers import say_json
from checker.cli.dialog import narrate, show_note, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.cli.node_add import report_node
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.control.adoption import Choice, adopt
from checker.control.client_files import read_public_key
from checker.control.importing import FileRemark, Import, Imported, Wish, import_files
from checker.model import parse_name, parse_port, printable
from checker.output import say

NO_KEY = (
    "the shared key is off, and these nodes have no other: set [shared_key] in reversi.toml"
    " (init --shared-key FILE does so on an installed gateway), import each with --public-key, or"
    " give each its own with: reversi-checker node adopt NAME"
)


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    add_import(actions)
    add_adopt(actions)


def add_import(actions: Verbs) -> None:
    importing = add_verb(
        actions,
        "import",
        "register the nodes that files of other products describe",
        "reversi-checker node import sources/ --dry-run",
        "reversi-checker node import office.rev --name office",
        "reversi-checker node import sshtunnel --public-key id_ed25519.pub",
        ending="exit status 1: a node or file was not taken",
    )
    importing.add_argument(
        "path",
        nargs="+",
        type=Path,
        metavar="PATH",
        help=(
            "a .rev file of the original, or a directory of them; OpenWRT's /etc/config/sshtunnel"
            " or autossh; a systemd unit that runs ssh or autossh with -R"
        ),
    )
    importing.add_argument(
        "--name", help="register the node under this name (default: like the one in the file)"
    )
    importing.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="the device's own key (- for stdin); without it, the node has the shared key",
    )
    add_dry_run(importing, "print what would be registered, and do nothing")
    add_json(importing)
    importing.set_defaults(command=cmd_import)


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


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    wish = Wish(
        name=parse_name(args.name) if args.name else None,
        public_key=read_public_key(args.public_key) if args.public_key else "",
    )
    found = import_files(layout, args.path, wish, show_note, is_dry=args.dry_run)
    if args.json:
        say_json(dry_run=args.dry_run, **import_json(found))
    else:
        print_import(found, "would register" if args.dry_run else "registered")
    for text in warnings(found, config):
        warn(text)
    return ExitCode.NOT_UP if found.problems else ExitCode.OK


def warnings(found: Import, config: Config) -> Iterator[str]:
    """What the admin should know about all imported nodes together."""
    if not config.shared_key.enabled and any(one.node.is_shared for one in found.taken):
        yield NO_KEY
    if found.unreserved:
        yield (
            f"the kernel may take {found.unreserved} of these ports for outgoing connections, and"
            " then no tunnel can listen there; see: reversi-checker doctor"
        )
    users = {one.found.login.user for one in found.taken if one.found.login}
    for user in sorted(users - {"", config.tunnel_user}):
        yield (
            f"a device logs in as {printable(user)}, and the tunnel user here is"
            f" {config.tunnel_user}: change one of them"
        )


def import_json(found: Import) -> dict[str, Any]:
    """The documented shape, without its schema and `dry_run`."""
    return {
        "nodes": [imported_json(one) for one in found.taken],
        "notes": [remark_json(one) for one in all_notes(found)],
        "problems": [remark_json(one) for one in found.problems],
    }


def all_notes(found: Import) -> list[FileRemark]:
    """The notes about nodes, then those about files."""
    own = [
        FileRemark(path=one.path, remark=remark)
        for one in found.taken
        for remark in one.found.notes
    ]
    return [*own, *found.notes]


def imported_json(one: Imported) -> dict[str, Any]:
    node, login = one.node, one.found.login
    return {
        "name": node.name,
        "calls_itself": node.calls_itself or None,
        "file": str(one.path),
        "login": None if login is None else asdict(login),
        "left_out": list(one.found.left_out),
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
    """One line for each node, and for each file that was not taken."""
    for one in found.taken:
        say(f"{one.path}: {verb} {'; '.join(facts_of(one))}")
    for problem in found.problems:
        about = [f"; {note.remark}" for note in found.notes if is_told(note, problem)]
        narrate(f"not taken: {problem}{''.join(about)}")


def is_told(note: FileRemark, problem: FileRemark) -> bool:
    return note.path == problem.path and not note.remark.is_usual


def facts_of(one: Imported) -> Iterator[str]:
    """The clauses of a node's line."""
    node = one.node
    forwards = (f"port {f.port} -> {f.target}, expecting {f.expect}" for f in node.forwards)
    yield f"{node.name}: {'; '.join(forwards)}"
    if node.calls_itself:
        yield f"calls itself {printable(node.calls_itself)}"
    if one.found.login is not None:
        yield f"logs in as {printable(str(one.found.login), 300)}"
    yield from (str(note) for note in one.found.notes if not note.is_usual)


def cmd_adopt(args: argparse.Namespace, layout: Layout) -> ExitCode:
    config = load_config(layout.config)
    choice = Choice(targets=args.target, ports=frozenset(map(parse_port, args.port)))
    node, keys, written = adopt(
        layout, config, choice, wish_of(args), show_note, is_dry=args.dry_run
    )
    report_node(args, layout, node, keys, written)
    return ExitCode.OK
