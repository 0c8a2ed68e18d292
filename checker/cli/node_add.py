"""The verb `node add`: register a node, and write what its device needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from checker.cli import node_add_many
from checker.cli.answers import node_json, say_json
from checker.cli.dialog import show_note, would
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.cli.label_options import add_labels, label_lines
from checker.cli.verbs import Verbs, add_dry_run, add_json, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client_files import KeyFiles, key_files
from checker.control.registering import Wanted, register, rehearse
from checker.model import (
    ForwardRequest,
    InvalidValue,
    Node,
    parse_forward,
    parse_name,
    parse_note,
    parse_tags,
)
from checker.output import say

KEYS = ("public_key", "next_key")


def add_to(actions: Verbs) -> None:
    """Declare the verb."""
    adding = add_verb(
        actions,
        "add",
        "register a node, or all nodes of a CSV file",
        "reversi-checker node add office --forward 127.0.0.1:22,banner:SSH-2.0 --client-config"
        " office.toml",
        "reversi-checker node add --from nodes.csv --output-dir keys --dry-run",
    )
    adding.add_argument("name", nargs="?", metavar="NODE")
    node_add_many.add_options(adding)
    adding.add_argument(
        "--forward",
        action="append",
        metavar="[PORT=]HOST:PORT[,public][,EXPECT]",
        help=(
            "gateway port (without it one is allotted), target as the node reaches it, 'public' if"
            " the device may listen on all of the gateway's addresses, and the expected response:"
            " banner:PREFIX, http, tls, 'send:TEXT expect:TEXT', hostkey or open (the default,"
            " which cannot detect a hang); may be given more than once"
        ),
    )
    adding.add_argument(
        "--public",
        action="append_const",
        dest="forward",
        const=None,
        help="same as ',public' in the --forward before it",
    )
    adding.add_argument(
        "--deadline",
        type=float,
        metavar="SECONDS",
        help="how long the targets may take to answer",
    )
    add_labels(adding)
    add_key_options(adding)
    add_dry_run(adding, "print what would be registered and written, and do nothing")
    add_json(adding)
    adding.set_defaults(command=cmd_add, is_registering=True)


def cmd_add(args: argparse.Namespace, layout: Layout) -> ExitCode:
    node_add_many.refuse_mixed(args)
    if args.table is not None:
        return node_add_many.cmd_add_many(args, layout)
    config = load_config(layout.config)
    wanted = Wanted(
        name=parse_name(args.name),
        requests=requests_in(args.forward),
        deadline_s=checked_deadline(args.deadline),
        tags=parse_tags(args.tag),
        note=parse_note(args.note or ""),
    )
    keys = key_files(wish_of(args, layout, config), layout, config)
    carried_out = rehearse if args.dry_run else register
    node, written = carried_out(layout, config, wanted, keys, show_note)
    report_node(args, layout, node, keys, written)
    return ExitCode.OK


def requests_in(words: Iterable[str | None]) -> tuple[ForwardRequest, ...]:
    """The forwards that `--forward` asks for; None is `--public`, about the one before it. Raises
    InvalidValue.
    """
    found: list[ForwardRequest] = []
    for word in words:
        if word is not None:
            found.append(parse_forward(word))
        elif found:
            found[-1] = replace(found[-1], public=True)
        else:
            raise InvalidValue(
                "--public belongs to the --forward before it, and there is none; write"
                " --forward HOST:PORT,public"
            )
    return tuple(found)


def checked_deadline(seconds: float | None) -> float | None:
    """The deadline, if it is within bounds. Raises InvalidValue."""
    if seconds is not None and not 0.5 <= seconds <= 60:
        raise InvalidValue(f"--deadline {seconds:g} is out of bounds; write 0.5 to 60 seconds")
    return seconds


def report_node(
    args: argparse.Namespace, layout: Layout, node: Node, keys: KeyFiles, written: Sequence[Path]
) -> None:
    """Print a node that just got a key, and the files that were written; of a dry run: what it
    would get.
    """
    if args.json:
        shown = node_json(node, layout)
        if args.dry_run and keys.private is not None:  # the key that was made is thrown away
            shown |= {name: None for name in KEYS if shown[name] == keys.public}
        is_dry = {"dry_run": True} if args.dry_run else {}
        say_json(node=shown, files=[str(path) for path in written], **is_dry)
        return
    plan = [
        f"register {node.name}: port {forward.port} -> {forward.target}, expecting {forward.expect}"
        for forward in node.forwards
    ]
    plan += [f"register {node.name}: {' '.join(line.split())}" for line in label_lines(node)]
    if args.dry_run:
        would([*plan, *(f"write {path}" for path in written)])
        return
    for line in (*(each.removeprefix("register ") for each in plan), *keys.report(written)):
        say(line)
