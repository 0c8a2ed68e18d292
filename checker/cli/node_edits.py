"""The verbs `node rekey`, `disable`, `enable`, `rename` and `expire`: change a node as a whole."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from checker.cli.common import all_aims, registry_of
from checker.cli.dialog import ask, show_note, warn, would
from checker.cli.exit_codes import ExitCode
from checker.cli.key_options import add_key_options, wish_of
from checker.cli.many_edits import apply_to_all
from checker.cli.selection import add_filter, add_yes_to_many, refuse_neither
from checker.cli.verbs import Command, Verbs, add_dry_run, add_verb
from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.client_files import key_files
from checker.control.node_changes import (
    Edit,
    carry_out,
    disable_broken_node,
    planned,
    with_reason,
)
from checker.control.plan_text import change_lines
from checker.model import CheckerError, InvalidValue, Node, parse_day, parse_name
from checker.output import say
from checker.registry.edits import rekeyed, renamed, without_old_key
from checker.registry.kept_rights import BrokenFile
from checker.registry.lock import refuse_others
from checker.registry.nodes import Registry
from checker.registry.reasons import parse_reason, reason_kept


def add_to(actions: Verbs) -> None:
    """Declare these verbs."""
    add_rekey(actions)
    disabling = add_edit_of_several(
        actions,
        "disable",
        cmd_disable,
        "end the tunnels of nodes and reject their keys; keep everything else",
        "disable office --why 'stolen from the car'",
        "disable --filter tag:site-a --dry-run",
    )
    disabling.add_argument(
        "--why", default="", metavar="TEXT", help="the reason, which rows and the log show"
    )
    add_edit_of_several(
        actions, "enable", cmd_enable, "accept disabled nodes again", "enable office"
    )
    rename = add_edit(
        actions,
        "rename",
        cmd_rename,
        "give a node another name; its key, ports, tunnel and history stay",
        "rename office lobby",
    )
    rename.add_argument("new_name", metavar="NEW")
    expire = add_edit_of_several(
        actions,
        "expire",
        cmd_expire,
        "reject the keys of nodes from a given day on",
        "expire office 2031-12-31",
        "expire --filter tag:rented 2031-12-31",
        names="[NODE ...] YYYY-MM-DD|never",
        about="the nodes; and the first day, by the gateway's clock, that rejects the keys",
    )
    expire.usage = "%(prog)s [options] [NODE ...] YYYY-MM-DD|never"


def add_rekey(actions: Verbs) -> None:
    rekey = add_edit(
        actions,
        "rekey",
        cmd_rekey,
        "give a node a new key; the old one stays valid until a tunnel with the new one beats",
        "rekey office --client-config office-2.toml",
        "rekey office --now",
    )
    rekey.add_argument(
        "--now",
        action="store_true",
        help=(
            "reject the old key from now on, and end its tunnel; without other key options, the"
            " new key that already waits becomes the only one"
        ),
    )
    add_key_options(rekey)


def add_edit(
    actions: Verbs, name: str, command: Command, text: str, *examples: str
) -> argparse.ArgumentParser:
    """Declare a verb that changes one node, with the options that all of these have."""
    parser = add_verb(
        actions, name, text, *(f"reversi-checker node {example}" for example in examples)
    )
    parser.add_argument("name", metavar="NODE")
    parser.add_argument(
        "--yes",
        action="store_true",
        help="do not ask before a tunnel is ended (without a terminal it never asks)",
    )
    add_dry_run(parser)
    parser.set_defaults(command=command)
    return parser


def add_edit_of_several(  # noqa: PLR0913 - as add_edit, and what the words are
    actions: Verbs,
    name: str,
    command: Command,
    text: str,
    *examples: str,
    names: str = "NODE",
    about: str = "which nodes",
) -> argparse.ArgumentParser:
    """Declare a verb that changes one node or several, with the options that all of these have."""
    parser = add_verb(
        actions, name, text, *(f"reversi-checker node {example}" for example in examples)
    )
    parser.add_argument("names", nargs="*", metavar=names, help=about)
    add_filter(parser, "nodes")
    add_yes_to_many(parser)
    add_dry_run(parser)
    parser.set_defaults(command=command)
    return parser


def apply(
    args: argparse.Namespace,
    layout: Layout,
    edit: Edit,
    during: Callable[[Node], AbstractContextManager[object]] | None = None,
    why: str = "",
) -> bool:
    """Change the node as `edit` says, inside the block of `during`, and end the tunnels that lose
    their right; whether anything was done. Raises CheckerError.
    """
    registry = registry_of(layout)
    change = with_reason(planned(layout, registry.node(args.name), edit, registry), why)
    if not change.clauses:
        say(f"{change.before.name}: nothing to change")
        return False
    if not args.dry_run:
        refuse_others(layout)
    for obstacle in change.obstacles:
        warn(obstacle)
    if change.obstacles and not (args.yes or args.dry_run):
        raise CheckerError("nothing was changed; to do it anyway, add --yes")
    if args.dry_run:
        would(change_lines(change))
        return False
    if change.aims:
        ask(args, f"change node {change.before.name}", change_lines(change))
    carry_out(layout, change, show_note, during=during)
    for sentence in change.sentences:
        say(sentence)
    return True


def apply_to_each(args: argparse.Namespace, layout: Layout, edit: Edit) -> ExitCode:
    """Change the node that is named, or several. Raises CheckerError."""
    if is_about_one(args):
        apply(args, layout, edit)
        return ExitCode.OK
    return apply_to_all(args, layout, edit)


def is_about_one(args: argparse.Namespace) -> bool:
    """Whether only one node is named, which is then `args.name`. Raises InvalidValue if none is,
    and there is no filter.
    """
    refuse_neither(args, args.names, "NODE")
    if args.filter is not None or len(args.names) > 1:
        return False
    args.name = args.names[0]
    return True


def cmd_rekey(args: argparse.Namespace, layout: Layout) -> ExitCode:
    node = registry_of(layout).node(args.name)
    if args.now and node.next_key is not None and not asks_for_key(args):
        apply(args, layout, without_old_key)
    else:
        give_new_key(args, layout)
    return ExitCode.OK


def give_new_key(args: argparse.Namespace, layout: Layout) -> None:
    """Make or read the key that the options ask for, and give it to the node."""
    config = load_config(layout.config)
    keys = key_files(wish_of(args, layout, config), layout, config)
    written: list[Path] = []

    @contextlib.contextmanager
    def during(after: Node) -> Iterator[None]:
        with keys.handed_over(after) as files:
            written.extend(files)
            yield

    if apply(args, layout, lambda node: rekeyed(node, keys.public, now=args.now), during):
        for line in keys.report(written):
            say(line)


def asks_for_key(args: argparse.Namespace) -> bool:
    """Whether any option asks for a key other than the one that waits."""
    return any((args.public_key, args.key_type, args.client_config, args.keep_key, args.gateway))


def cmd_disable(args: argparse.Namespace, layout: Layout) -> ExitCode:
    why = parse_reason(args.why)
    if is_about_one(args):
        registry = registry_of(layout)
        broken = registry.broken_file(args.name)
        if broken is not None:
            disable_broken(args, layout, registry, broken, why)
            return ExitCode.OK
        apply(
            args,
            layout,
            disabled,
            during=lambda after: reason_kept(layout, after.name, why),
            why=why,
        )
        return ExitCode.OK
    return apply_to_all(args, layout, disabled, why)


def disabled(node: Node) -> Node:
    return replace(node, enabled=False)


def disable_broken(
    args: argparse.Namespace, layout: Layout, registry: Registry, broken: BrokenFile, why: str
) -> None:
    """Disable a node whose file cannot be edited, as it cannot be read."""
    aims = all_aims(registry, broken.name)
    plan = [f"disable {broken.name}, whose file is broken, and end its tunnel"]
    if args.dry_run:
        would(plan)
        return
    refuse_others(layout)
    if aims:
        ask(args, f"disable node {broken.name}", plan)
    say(disable_broken_node(layout, registry, broken, show_note, why))


def cmd_enable(args: argparse.Namespace, layout: Layout) -> ExitCode:
    return apply_to_each(args, layout, lambda node: replace(node, enabled=True))


def cmd_rename(args: argparse.Namespace, layout: Layout) -> ExitCode:
    name = parse_name(args.new_name)
    apply(args, layout, lambda node: renamed(node, name))
    return ExitCode.OK


def cmd_expire(args: argparse.Namespace, layout: Layout) -> ExitCode:
    if not args.names:
        raise InvalidValue("the day is missing; write YYYY-MM-DD, or never")
    *args.names, word = args.names
    day = None if word == "never" else parse_day(word)
    return apply_to_each(args, layout, lambda node: replace(node, expires=day))
