"""How verbs are declared."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from checker.cli.main import VERBS, build_parser
from checker.cli.node import NODE_VERBS
from checker.cli.verbs import add_verb, add_yes, global_options


@pytest.mark.parametrize(
    "words",
    [
        ("--home", "/x", "--debug", "status"),
        ("status", "--home", "/x", "--debug"),
        ("--debug", "status", "--home", "/x"),
        ("--home", "/x", "node", "show", "office", "--debug"),
        ("node", "--debug", "show", "office", "--home", "/x"),
    ],
    ids=" ".join,
)
def test_global_options_may_stand_anywhere(words: tuple[str, ...]) -> None:
    parsed = build_parser().parse_args(words)

    assert (parsed.home, parsed.debug) == ("/x", True)


def test_without_global_options_the_environment_decides() -> None:
    parsed = build_parser().parse_args(["status"])

    assert (parsed.home, parsed.debug) == (None, False)


def leaves(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command that has no subcommands."""
    groups = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    for group in groups:
        for name, below in group.choices.items():
            yield from leaves(below, (*path, name))
    if not groups:
        yield " ".join(path), parser


def verbs_of(parser: argparse.ArgumentParser, group: str = "") -> list[str]:
    """The verbs of the grammar, or of a group of them."""
    (below,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return verbs_of(below.choices[group]) if group else list(below.choices)


@pytest.mark.parametrize("verb", VERBS)
def test_the_grammar_of_one_verb_is_that_of_its_module(verb: str) -> None:
    declared = verbs_of(build_parser(["--debug", "--home", "/x", verb, "--help"]))

    assert declared == [one for one in VERBS if VERBS[one] == VERBS[verb]]


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["statu"], ["--hom", "status", "kill"], ["--home"], ["node list"]],
    ids=str,
)
def test_without_a_verb_the_whole_grammar_is_there(words: list[str]) -> None:
    assert verbs_of(build_parser(words)) == list(VERBS)


@pytest.mark.parametrize("verb", NODE_VERBS)
def test_the_grammar_of_one_verb_of_node_is_that_of_its_module(verb: str) -> None:
    parser = build_parser(["node", "--debug", "--home", "/x", verb, "--help"])

    declared = verbs_of(parser, "node")
    assert declared == [one for one in NODE_VERBS if NODE_VERBS[one] == NODE_VERBS[verb]]


@pytest.mark.parametrize("words", ["", "node", "node --help", "node lst", "node --help add"])
def test_without_a_verb_of_node_all_of_them_are_there(words: str) -> None:
    assert verbs_of(build_parser(words.split()), "node") == list(NODE_VERBS)


def test_each_command_that_changes_something_has_a_dry_run() -> None:
    only_look = {"status", "log", "report", "doctor", "node list", "node show", "known-hosts"}
    only_look |= {"ssh-config", "inventory", "enrol list", "node pending", "fleet status"}
    run = {"up", "serve", "probe", "backup", "alert", "metrics", "mutes", "fleet export"}
    only_look |= {"where"}
    run |= {"fleet serve", "connect"}

    without = {
        name for name, parser in leaves(build_parser()) if "--dry-run" not in parser.format_help()
    }

    assert without == only_look | run


def test_help_has_description_options_examples_and_ending() -> None:
    parser = argparse.ArgumentParser(prog="p", parents=[global_options()])
    verbs = parser.add_subparsers()
    verb = add_verb(verbs, "kill", "end it", "p kill a", "p kill b", ending="exit status 1: no")
    add_yes(verb)

    text = verb.format_help()

    assert "\nEnd it.\n" in text
    assert text.endswith("example: p kill a\n         p kill b\nexit status 1: no\n")
    assert "--yes" in text
    assert "--home" not in text
    assert "--home DIR" in parser.format_help()
