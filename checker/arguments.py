"""A parser of command lines that answers a mistake with one sentence and the nearest right word."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from checker.nearest import did_you_mean, nearest

USAGE = 2
SYNONYMS = {
    "create": "add",
    "new": "add",
    "register": "add",
    "delete": "remove",
    "del": "remove",
    "rm": "remove",
    "ls": "list",
    "info": "show",
    "mv": "rename",
    "edit": "set",
    "change": "set",
    "daemon": "serve",
    "start": "serve",
    "events": "log",
    "logs": "log",
    "check": "probe",
    "install": "init",
    "setup": "init",
}
"""Words that other tools use for our commands."""


def columns() -> int:
    """The width of the terminal, as argparse finds it; but that loads shutil and the compressors,
    for each option that a parser has.
    """
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


class Help(argparse.RawDescriptionHelpFormatter):
    """Breaks the lines of prose at the terminal's width; leaves examples as they are."""

    def __init__(
        self,
        prog: str,
        indent_increment: int = 2,
        max_help_position: int = 24,
        width: int | None = None,
    ) -> None:
        super().__init__(prog, indent_increment, max_help_position, width or columns() - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        for line in text.splitlines():
            is_example = line.startswith((" ", "example:"))
            lines += [line] if is_example else textwrap.wrap(line, width) or [""]
        return "\n".join(f"{indent}{line}" for line in lines)


class Parser(argparse.ArgumentParser):
    """Its subparsers are of the same class, so each command names itself in its own errors."""

    def parse_known_args(  # type: ignore[override] # argparse's overloads; we take what it does
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse these words; exit with a sentence if one of them is not known."""
        words = list(sys.argv[1:] if args is None else args)
        self.refuse_unknown_options(words)
        found, left = super().parse_known_args(words, namespace)
        more = self.takes_several()
        if left and more and not any(word.startswith("-") for word in left):
            getattr(found, more).extend(left)  # argparse takes only those before an option
            left = []
        if left:
            self.refuse(self.too_many(left))
        return found, left

    def takes_several(self) -> str:
        """The name of the only argument, if it takes any number of words; else empty."""
        places = [action for action in self._actions if not action.option_strings]
        return places[0].dest if len(places) == 1 and places[0].nargs in ("*", "+") else ""

    def refuse(self, sentence: str) -> NoReturn:
        """Exit with the sentence. The usage would only hide it."""
        self.exit(USAGE, f"{self.prog}: error: {sentence}\n")

    def refuse_unknown_options(self, words: Sequence[str]) -> None:
        """Exit if an option before the subcommand is unknown. argparse would first complain that
        another one is missing.
        """
        known, commands = self._option_string_actions, self.commands()
        ahead = iter(words)
        for word in ahead:
            if word == "--" or word in commands:
                return
            if len(word) < 2 or word[0] != "-" or " " in word or word[1].isdigit():
                continue
            name, has_value, _ = word.partition("=")
            fits = [name] if name in known else self.beginning_with(name)
            if not fits:
                about = did_you_mean(name, known) or ";"
                self.refuse(f"there is no option {name}{about} see: {self.prog} --help")
            if not has_value and known[fits[0]].nargs is None:
                next(ahead, None)

    def beginning_with(self, name: str) -> list[str]:
        """The options that the word may stand for."""
        if name[:2] != "--":
            return [name[:2]] if name[:2] in self._option_string_actions else []
        if not self.allow_abbrev:
            return []
        return [option for option in self._option_string_actions if option.startswith(name)]

    def commands(self) -> Mapping[str, argparse.ArgumentParser]:
        """The subcommands, by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public name for it
                return action.choices
        return {}

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        commands = self.commands()
        if action.choices is commands:
            self.refuse(unknown_command(str(value), commands, self.prog))
        choices = [str(choice) for choice in action.choices]
        self.refuse(
            f"{'/'.join(action.option_strings) or action.metavar}: {value!r} is not one of"
            f" {', '.join(choices)}{did_you_mean(str(value), choices)}"
        )

    def too_many(self, left: Sequence[str]) -> str:
        """Say which words are too many, and what the command takes."""
        takes = [
            str(action.metavar or action.dest)
            for action in self._actions
            if not action.option_strings and action.dest != argparse.SUPPRESS
        ]
        if len(takes) == 1:
            return f"takes only one {takes[0]}; run it again for: {' '.join(left)}"
        what = f"only {' '.join(takes)}" if takes else "no such word"
        return (
            f"{left[0]!r} is one word too many: {self.prog} takes {what}; see: {self.prog} --help"
        )


def unknown_command(word: str, commands: Mapping[str, argparse.ArgumentParser], prog: str) -> str:
    """Say that there is no such command, and which one was probably meant."""
    deeper: dict[str, str] = {}
    for group, parser in commands.items():
        for name in below(parser):
            deeper.setdefault(name, f"{group} {name}")  # of two groups, the first is meant
    other = SYNONYMS.get(word, "")
    meant = (
        (other if other in commands else "")
        or deeper.get(other if other in deeper else word)
        or nearest(word, commands)
        or deeper.get(nearest(word, deeper), "")
    )
    hint = f"; did you mean {meant!r}?" if meant else f"; there are: {', '.join(commands)};"
    return f"there is no command {word!r}{hint} see: {prog} --help"


def below(parser: argparse.ArgumentParser) -> Iterable[str]:
    return parser.commands() if isinstance(parser, Parser) else ()
