"""The verb `node import`: take over nodes that files of other products describe."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cli.answers import say_json
from checker.cli.dialog import narrate, show_note, warn
from checker.cli.exit_codes import ExitCode
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import Config, load_config
from checker.control.client_files import read_public_key
from checker.model import InvalidValue, parse_name, printable
from checker.output import say

if TYPE_CHECKING:
    # to load all that reads files of other products takes longer than most verbs of `node`
    from checker.control.import_plan import FileRemark, Import, Imported
    from checker.registry.imported import Wish

NO_KEY = (
    "the shared key is off, and these nodes have no other: set [shared_key] in reversi.toml"
    " (init --shared-key FILE does so on an installed gateway), import each with --public-key, or"
    " give each its own with: reversi-checker node adopt NAME"
)
READS = (
    "a .rev file of the original; OpenWRT's /etc/config/sshtunnel or autossh; a systemd unit, a"
    " script or a list of command lines that run autossh, ssh or dbclient with -R; an SSH client's"
    " config with RemoteForward; frpc.toml; an authorized_keys file with permitlisten; - for stdin;"
    " or a directory of these"
)


def add_import(actions: Verbs) -> None:
    importing = add_verb(
        actions,
        "import",
        "register the nodes that files of other products describe",
        "reversi-checker node import sources/ --dry-run",
        "reversi-checker node import office.rev --name office",
        "reversi-checker node import sshtunnel --public-key id_ed25519.pub",
        "reversi-checker node import authorized_keys --target 127.0.0.1:22,banner:SSH-",
        "reversi-checker node import --name office --command 'autossh -M 0 -N -R 20101:localhost:22"
        " tunnel@gateway'",
        ending="exit status 1: a node, a line or a file was not taken",
    )
    importing.add_argument("path", nargs="*", type=Path, metavar="PATH", help=READS)
    importing.add_argument(
        "--command",
        dest="commands",
        action="append",
        default=[],
        metavar="LINE",
        help="the command line by which a device opens its tunnel",
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
    importing.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[PORT=]HOST:PORT[,EXPECT]",
        help=(
            "where ports lead whose target the file does not say, and what answers at this target"
            " (default: open)"
        ),
    )
    add_dry_run(importing, "print what would be registered, and do nothing")
    add_json(importing)
    importing.set_defaults(command=cmd_import, is_registering=True)


def cmd_import(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.control.importing import import_files

    config = load_config(layout.config)
    wish = wish_of(args)
    found = import_files(
        layout, args.path, wish, show_note, is_dry=args.dry_run, commands=args.commands
    )
    if args.json:
        say_json(dry_run=args.dry_run, **import_json(found))
    else:
        print_import(found, "would register" if args.dry_run else "registered")
    for text in warnings(found, config):
        warn(text)
    return ExitCode.NOT_UP if found.problems else ExitCode.OK


def wish_of(args: argparse.Namespace) -> Wish:
    """What the options say. Raises InvalidValue, ConfigError."""
    from checker.control.importing import STDIN
    from checker.registry.imported import Wish, targets_in

    if not args.path and not args.commands:
        raise InvalidValue("give a file to import, or --command LINE; see: node import --help")
    if STDIN in args.path and args.public_key == STDIN:
        raise InvalidValue("both the file and --public-key are -, and there is one standard input")
    return Wish(
        name=parse_name(args.name) if args.name else None,
        public_key=read_public_key(args.public_key) if args.public_key else "",
        targets=targets_in(args.target),
    )


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
        "known": [imported_json(one) for one in found.known],
        "notes": [remark_json(one) for one in all_notes(found)],
        "problems": [remark_json(one) for one in found.problems],
    }


def all_notes(found: Import) -> list[FileRemark]:
    """The notes about nodes, then those about files."""
    from checker.control.import_plan import FileRemark

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
        "line": one.found.line or None,
        "public_key": node.public_key,
        "expires": node.expires,
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
    """One line for each node; then what concerns several of them, what was not taken, and how many
    there were.
    """
    counts = common(found)
    for one in found.taken:
        say(f"{one.place}: {verb} {'; '.join(facts_of(one, counts))}")
    for one in found.known:
        narrate(f"{one.place}: {one.node.name} is registered already")
    for text, count in counts.items():
        narrate(f"{count} nodes: {text}")
    told = {problem.path for problem in found.problems}
    for note in found.notes:
        if note.path not in told and not note.remark.is_usual:
            narrate(str(note))
    for problem in found.problems:
        about = [f"; {note.remark}" for note in found.notes if is_told(note, problem)]
        narrate(f"not taken: {problem}{''.join(about)}")
    if len(found.taken) + len(found.known) + len(found.problems) > 1:
        narrate(summary(found, verb))


def common(found: Import) -> Mapping[str, int]:
    """What several nodes have in common, each with how many they are, in order."""
    counts = Counter(
        text
        for one in found.taken
        for text in dict.fromkeys(str(note) for note in one.found.notes if not note.is_usual)
    )
    return {text: count for text, count in counts.items() if count > 1}


def summary(found: Import, verb: str) -> str:
    """How many nodes were registered, known, and not taken."""
    parts = [f"{verb} {counted(len(found.taken), 'node')}"]
    if found.known:
        parts.append(f"{len(found.known)} registered already")
    if found.problems:
        parts.append(f"{len(found.problems)} not taken")
    return "; ".join(parts)


def counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def is_told(note: FileRemark, problem: FileRemark) -> bool:
    return note.path == problem.path and not note.remark.is_usual


def facts_of(one: Imported, elsewhere: Mapping[str, int]) -> Iterator[str]:
    """The clauses of a node's line; what several nodes have in common is printed `elsewhere`."""
    node = one.node
    forwards = (f"port {f.port} -> {f.target}, expecting {f.expect}" for f in node.forwards)
    yield f"{node.name}: {'; '.join(forwards)}"
    if node.calls_itself:
        yield f"calls itself {printable(node.calls_itself)}"
    if one.found.login is not None:
        yield f"logs in as {printable(str(one.found.login), 300)}"
    notes = (str(note) for note in one.found.notes if not note.is_usual)
    yield from (text for text in notes if text not in elsewhere)
