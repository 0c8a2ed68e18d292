"""`node add --from FILE`: register the nodes of a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.cli.answers import node_json, say_json
from checker.cli.dialog import narrate, show_note
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from checker.model import CheckerError, InvalidValue, KeyType
from checker.output import progress_bar, say

if TYPE_CHECKING:
    from checker.control.adding_many import Added, Adding
    from checker.registry.imported import Remark

OF_ONE_NODE = (
    ("name", "NODE", "name"),
    ("forward", "--forward", "target"),
    ("deadline", "--deadline", "deadline"),
    ("tag", "--tag", "tags"),
    ("note", "--note", "note"),
    ("public_key", "--public-key", "public-key"),
)
"""Arguments for one node: their name in argparse, on the command line, and the column instead."""


class NothingAdded(CheckerError):
    """Some lines of the table cannot be used, so no node was registered."""

    def __init__(self, path: Path, problems: Sequence[Remark]) -> None:
        lines = len({one.line for one in problems if one.line})
        what = f"{lines} line{'' if lines == 1 else 's'} of {path}" if lines else f"{path}"
        super().__init__(f"nothing was added: {what} cannot be used")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare `--from` and `--output-dir`."""
    parser.add_argument(
        "--from",
        dest="table",
        type=Path,
        metavar="FILE",
        help=(
            "register all nodes of a CSV file, or none if a line cannot be used (- for stdin);"
            " docs/nodes.md describes its columns"
        ),
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="with --from: where to write the private keys, NAME.key each (default: here)",
    )


def refuse_mixed(args: argparse.Namespace) -> None:
    """Check that the arguments are about one node, or about a table. Raises InvalidValue."""
    if args.table is None:
        if args.output_dir is not None:
            raise InvalidValue("--output-dir is for --from FILE")
        if args.name is None or not args.forward:
            raise InvalidValue(
                "name a NODE and its --forward HOST:PORT, or give a table of nodes with --from FILE"
            )
        return
    for name, shown, column in OF_ONE_NODE:
        if getattr(args, name):
            raise InvalidValue(f"{shown} is for one node; in {args.table}, use the column {column}")
    if args.client_config or args.gateway:
        raise InvalidValue(
            "--client-config and --gateway are for one node; for many, run afterwards:"
            " reversi-client build --all"
        )


def cmd_add_many(args: argparse.Namespace, layout: Layout) -> ExitCode:
    from checker.control.adding_many import TableWish, add_table  # `node add NODE` need not wait

    wish = TableWish(
        path=args.table,
        folder=args.output_dir or Path(),
        kind=KeyType(args.key_type) if args.key_type else KeyType.ED25519,
        keep=args.keep_key,
    )
    steps = partial(progress_bar, sys.stderr)
    adding = add_table(layout, wish, show_note, steps, is_dry=args.dry_run)
    if args.json:
        say_json(**answer(adding, layout, args))
    elif not adding.problems:
        verb = "would register" if args.dry_run else "registered"
        for one in adding.nodes:
            say(f"{verb} {one.node.name}: {'; '.join(facts_of(one, is_dry=args.dry_run))}")
    for problem in adding.problems:
        narrate(f"{args.table}: {problem}")
    if adding.problems:
        raise NothingAdded(args.table, adding.problems)
    narrate(summary(adding, args))
    return ExitCode.OK


def facts_of(one: Added, *, is_dry: bool) -> Iterator[str]:
    """The clauses of a node's line."""
    node = one.node
    for forward in node.forwards:
        public = ", on all addresses" if forward.public else ""
        yield f"port {forward.port} -> {forward.target}, expecting {forward.expect}{public}"
    if node.tags:
        yield f"tags {', '.join(node.tags)}"
    if node.note:
        yield f"note {node.note!r}"
    if one.key is not None:
        yield f"{'write' if is_dry else 'wrote'} {one.key}"


def summary(adding: Adding, args: argparse.Namespace) -> str:
    count = len(adding.nodes)
    nodes = f"{count} node{'' if count == 1 else 's'}"
    kept = "; the gateway keeps the private keys too, as asked" if args.keep_key else ""
    return f"{nodes} would be added" if args.dry_run else f"{nodes} added{kept}"


def answer(adding: Adding, layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """The documented shape, without its schema."""
    return {
        "dry_run": args.dry_run,
        "nodes": [
            {
                **node_json(one.node, layout),
                "public_key": one.node.public_key or None,
                "line": one.line,
                "file": str(one.key) if one.key else None,
            }
            for one in adding.nodes
        ],
        "problems": [{"line": one.line or None, "text": one.text} for one in adding.problems],
    }
