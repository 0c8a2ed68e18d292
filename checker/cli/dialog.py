"""What a command says on standard error, and what it asks there."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable

from checker import journal
from checker.cli.exit_codes import PROG
from checker.model import CheckerError, Note
from checker.output import say, would_lines


class Declined(CheckerError):
    """The operator answered no."""

    def __init__(self) -> None:
        super().__init__("nothing was done")


def narrate(text: str) -> None:
    """Say what happens, besides the answer."""
    journal.write(text, logging.INFO)


def warn(text: object) -> None:
    journal.write(f"{PROG}: warning: {text}", logging.WARNING)


def show_note(note: Note) -> None:
    """Print what a change to nodes reports."""
    (warn if note.is_warning else narrate)(note.text)


def would(plan: Iterable[str]) -> None:
    """Print what a dry run would do, a line each; the plan's lines begin with a verb."""
    for line in would_lines(plan):
        say(line)


def ask(args: argparse.Namespace, question: str, plan: Iterable[str]) -> None:
    """Show the plan and ask; only at a terminal, and not with `--yes`. Raises Declined."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    print("This will:", file=sys.stderr)
    for line in plan:
        print(f"  {line}", file=sys.stderr)
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Declined
