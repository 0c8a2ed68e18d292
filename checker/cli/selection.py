"""`--filter TEXT`: the rows and nodes that a command is about, and the question before many."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from checker.cli.dialog import Declined, narrate
from checker.config.layout import Layout
from checker.control.matching import NothingMatches, matching_nodes, matching_rows
from checker.model import CheckerError, InvalidValue
from checker.registry.nodes import Registry
from checker.rows.row import Row

__all__ = [
    "MANY",
    "NothingMatches",
    "Unconfirmed",
    "add_filter",
    "add_yes_to_many",
    "confirm_many",
    "matching_nodes",
    "matching_rows",
    "refuse_both",
    "refuse_neither",
    "rows_to_show",
]

MANY = 5
"""For more targets, the operator types the count."""
SHOWN = 20
"""Most lines of a plan that are shown before the question."""


class Unconfirmed(CheckerError):
    """A filter chose many targets, and there is no terminal to ask whether they are right."""

    def __init__(self, count: int, what: str) -> None:
        super().__init__(
            f"the filter matches {count} {what}, and there is no terminal to confirm that; see them"
            " with --dry-run, and then add --yes"
        )


def add_filter(
    parser: argparse.ArgumentParser, what: str = "forwards", such: str = "'tag:site-a is:fault'"
) -> None:
    """Declare `--filter`; `what` it chooses, in the plural, and an example."""
    parser.add_argument(
        "--filter",
        metavar="TEXT",
        help=(f"only the {what} that match, as in {such}; docs/filter.md has the language"),
    )


def add_yes_to_many(parser: argparse.ArgumentParser) -> None:
    """Declare `--yes` of a verb that `confirm_many` asks about."""
    parser.add_argument(
        "--yes",
        action="store_true",
        help=(
            "do not ask (without a terminal it never asks, and acts on more than"
            f" {MANY} by --filter only with this)"
        ),
    )


def refuse_both(args: argparse.Namespace, named: Sequence[str], what: str) -> None:
    """Check that there are either words or a filter. Raises InvalidValue."""
    if named and args.filter is not None:
        word = named[0].partition(":")[0]
        column = "port" if word.isdigit() else "node"
        raise InvalidValue(
            f"give {what}, or --filter, not both; a filter can name them too: '{column}:{word} ...'"
        )


def refuse_neither(args: argparse.Namespace, named: Sequence[str], what: str) -> None:
    """Check that there are either words or a filter, and not none. Raises InvalidValue."""
    refuse_both(args, named, what)
    if not named and args.filter is None:
        raise InvalidValue(f"nothing is named; give {what}, or --filter TEXT")


def rows_to_show(
    layout: Layout, registry: Registry, text: str, *, only_here: bool = False
) -> tuple[Row, ...]:
    """The rows that match, for verbs that only show: if none does, standard error says so. Raises
    InvalidValue, MistakenFilter, StateError.
    """
    try:
        return matching_rows(layout, registry, text, only_here=only_here)
    except NothingMatches as nothing:
        narrate(str(nothing))
        return ()


def confirm_many(  # noqa: PLR0913 - what is asked, about what, and how much of it is shown
    args: argparse.Namespace,
    question: str,
    plan: Sequence[str],
    *,
    what: str = "forwards",
    ends: bool = True,
    shown: int = SHOWN,
) -> bool:
    """Show the plan, a line for each target, and ask: for more than MANY the count must be typed.
    Return whether anything was asked, so that time has passed. Of a long plan, only the first
    `shown` lines are shown.

    Nothing is asked with `--yes`, nor about a few targets of which no tunnel `ends`. Raises
    Declined; Unconfirmed if many were chosen by a filter and there is no terminal.
    """
    count = len(plan)
    if args.yes or (count <= MANY and not ends):
        return False
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if count > MANY and args.filter is not None:
            raise Unconfirmed(count, what)
        return False
    print("This will:", file=sys.stderr)
    for line in plan[:shown]:
        print(f"  {line}", file=sys.stderr)
    if len(plan) > shown:
        print(f"  and {len(plan) - shown} more; --dry-run shows all", file=sys.stderr)
    asked = f"{question}? [y/N] " if count <= MANY else f"{question}? Type {count} to continue: "
    print(asked, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline().strip().lower()
    if answer not in (("y", "yes") if count <= MANY else (str(count),)):
        raise Declined
    return True
