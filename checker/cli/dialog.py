"""What a command says on standard error, and what it asks there."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from checker import journal
from checker.cli.exit_codes import PROG
from checker.model import Aim, Note, Verb


def narrate(text: str) -> None:
    """Say what happens, besides the answer."""
    journal.write(text, logging.INFO)


def warn(text: object) -> None:
    journal.write(f"{PROG}: warning: {text}", logging.WARNING)


def show_note(note: Note) -> None:
    """Print what a change to nodes reports."""
    (warn if note.is_warning else narrate)(note.text)


def agreed(args: argparse.Namespace, question: str) -> bool:
    """Whether to go on: asked only at a terminal, and not with `--yes`."""
    if args.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def agreed_to_act(args: argparse.Namespace, verb: Verb, aims: Sequence[Aim]) -> bool:
    """Whether to go on with this verb on these forwards."""
    return agreed(args, f"{verb} {', '.join(f'{aim.node}:{aim.port}' for aim in aims)}")
