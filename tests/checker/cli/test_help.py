"""The help of each command, and the commands that the pages show."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from checker.cli.main import build_parser
from tests.checker.cli.homes import Run


def parsers(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Every subcommand of the grammar."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield (*path, name), below
                yield from parsers(below, (*path, name))


PARSER = build_parser()
COMMANDS = dict(parsers(PARSER))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_each_command_has_help_with_an_example_of_itself(
    path: tuple[str, ...], checker: Run
) -> None:
    code, out, err = checker(*path, "--help")

    assert (code, err) == (0, "")
    assert re.search(r"example: (sudo )?reversi-checker ", out)
    assert f"{' '.join(path)}" in out.partition("example: ")[2]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_example_of_each_command_is_valid(path: tuple[str, ...]) -> None:
    epilog = COMMANDS[path].epilog or ""
    lines = [
        words_of(line.partition("reversi-checker")[2])
        for line in epilog.splitlines()
        if "reversi-checker" in line
    ]

    assert lines
    for words in lines:
        assert callable(PARSER.parse_args(words).command)


def test_every_documented_command_exists() -> None:
    verbs = {path[0] for path in COMMANDS}

    assert verbs >= {"up", "serve", "node", "status", "probe", "kill", "reset", "log"}
    assert {path[1] for path in COMMANDS if path[0] == "node" and len(path) == 2} >= {
        "add",
        "list",
        "show",
        "remove",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_into_eighty_columns_except_for_examples(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    prose, _, told = COMMANDS[path].format_help().rpartition("example: ")
    ending = [line for line in told.splitlines()[1:] if not line.startswith(" ")]
    usage, _, rest = prose.partition("\n\n")

    assert max(map(len, [*rest.splitlines(), *ending])) <= 80
    assert usage.startswith("usage: ")


def words_of(line: str) -> list[str]:
    """The words of a command in a shell, without a redirection and without the caller's own."""
    return [word for word in shlex.split(line.partition(" > ")[0]) if word != "$@"]
