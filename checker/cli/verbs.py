"""How a verb is declared: its help, its examples, and the options that many verbs have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol

from checker.arguments import Help
from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout

Command = Callable[[argparse.Namespace, Layout], ExitCode]


class Verbs(Protocol):
    """What `ArgumentParser.add_subparsers` returns; argparse has no public name for it."""

    def add_parser(  # noqa: PLR0913 - as argparse has it
        self,
        name: str,
        *,
        help: str | None,  # noqa: A002 - as argparse has it
        description: str | None,
        epilog: str | None,
        formatter_class: type[argparse.RawDescriptionHelpFormatter],
        parents: Sequence[argparse.ArgumentParser],
    ) -> argparse.ArgumentParser: ...


def add_verb(
    verbs: Verbs,
    name: str,
    text: str,
    *examples: str,
    description: str = "",
    ending: str = "",
) -> argparse.ArgumentParser:
    """Declare a verb: its line in the list of verbs, complete commands as examples, and what else
    its help says before (without it: the line) and after them.
    """
    shown = "\n         ".join(examples)
    return verbs.add_parser(
        name,
        help=text,
        description=description or f"{text[0].upper()}{text[1:]}.",
        epilog="\n".join(filter(None, (f"example: {shown}", ending))),
        formatter_class=Help,
        parents=[global_options(home=argparse.SUPPRESS, is_debug=argparse.SUPPRESS)],
    )


def global_options(
    home: str | None = None, *, is_debug: bool | str = False
) -> argparse.ArgumentParser:
    """A parent with `--home` and `--debug`, which may stand before or after a verb.

    After a verb they have no default, so that they do not undo what stands before it, and no help.
    """
    parent = argparse.ArgumentParser(add_help=False)
    is_hidden = home == argparse.SUPPRESS
    for option in (
        parent.add_argument("--home", metavar="DIR", default=home),
        parent.add_argument("--debug", action="store_true", default=is_debug),
    ):
        option.help = argparse.SUPPRESS if is_hidden else GLOBAL_HELP[option.dest]
    return parent


GLOBAL_HELP = {
    "home": "keep all files of this gateway under DIR (default: REVERSI_HOME, else as installed)",
    "debug": "show tracebacks, and log each probe",
}


def add_json(parser: argparse.ArgumentParser, text: str = "print one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=text)


def add_here(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--here",
        action="store_true",
        help="in a fleet: only what this gateway saw, not what the others did",
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yes", action="store_true", help="do not ask (without a terminal it never asks)"
    )


def add_dry_run(
    parser: argparse.ArgumentParser, text: str = "print what would be done, and do nothing"
) -> None:
    parser.add_argument("--dry-run", action="store_true", help=text)
