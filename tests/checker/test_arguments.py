"""Mistakes on the command line: one sentence, with the nearest right word."""

from __future__ import annotations

import argparse

import pytest

from checker.arguments import USAGE, Parser
from checker.cli.main import build_parser
from checker.nearest import did_you_mean, nearest
from client.cli import parser as client_parser
from reversi_tui.__main__ import parser as console_parser

PARSERS = {"checker": build_parser, "client": client_parser, "tui": console_parser}


def complaint(
    parser: argparse.ArgumentParser, words: str, capsys: pytest.CaptureFixture[str]
) -> str:
    """What is said about these words."""
    with pytest.raises(SystemExit) as leaving:
        parser.parse_args(words.split())
    assert leaving.value.code == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize(
    ("program", "words", "says"),
    [
        pytest.param(
            "checker",
            "node add b --forwards x:1",
            "reversi-checker node add: error: there is no option --forwards; did you mean"
            " '--forward'? see: reversi-checker node add --help\n",
            id="an option in the plural, before a missing one",
        ),
        pytest.param(
            "checker",
            "--hoem /x status",
            "reversi-checker: error: there is no option --hoem; did you mean '--home'? see:"
            " reversi-checker --help\n",
            id="an option before the command",
        ),
        pytest.param(
            "checker", "status --zzz", "there is no option --zzz; see: ", id="nothing is near"
        ),
        pytest.param("checker", "status -n", "there is no option -n; see: ", id="short"),
        pytest.param(
            "checker",
            "statsu",
            "there is no command 'statsu'; did you mean 'status'?",
            id="command",
        ),
        pytest.param(
            "checker", "rename a b", "did you mean 'node rename'?", id="a command of a group"
        ),
        pytest.param(
            "checker", "node delete a", "did you mean 'remove'?", id="another tool's word"
        ),
        pytest.param("checker", "delete a", "did you mean 'node remove'?", id="both"),
        pytest.param("checker", "list", "did you mean 'node list'?", id="in two groups"),
        pytest.param("checker", "new a", "did you mean 'node add'?", id="a word of both kinds"),
        pytest.param("checker", "end a", "did you mean 'enrol end'?", id="the second group"),
        pytest.param("checker", "enroll new", "did you mean 'enrol'?", id="spelling"),
        pytest.param(
            "checker",
            "frobnicate",
            "there is no command 'frobnicate'; there are: up,",
            id="no word",
        ),
        pytest.param(
            "checker",
            "node remove a b",
            "reversi-checker node remove: error: takes only one NODE; run it again for: b\n",
            id="two nodes",
        ),
        pytest.param(
            "checker",
            "doctor x",
            "'x' is one word too many: reversi-checker doctor takes no",
            id="none",
        ),
        pytest.param(
            "checker", "node rename a b c", "takes only NODE NEW; see: ", id="three names"
        ),
        pytest.param(
            "checker",
            "node rekey a --key-type ras",
            "--key-type: 'ras' is not one of ed25519, rsa; did you mean 'rsa'?",
            id="a value",
        ),
        pytest.param("client", "biuld a", "did you mean 'build'?", id="client command"),
        pytest.param(
            "client", "build a --gatway b", "did you mean '--gateway'?", id="client option"
        ),
        pytest.param("tui", "--filtre x", "did you mean '--filter'?", id="console option"),
        pytest.param("tui", "--read_only", "did you mean '--read-only'?", id="underscore"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_right_word(
    program: str, words: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = complaint(PARSERS[program](), words, capsys)

    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("node rekey a --public-key -", id="a dash as a value"),
        pytest.param("node add a --forw x:1 --forward=y:2", id="an abbreviation"),
        pytest.param("--home status status", id="a value like a command"),
        pytest.param("node add a --forward x:1 --public", id="without a value"),
    ],
)
def test_what_argparse_takes_is_taken(words: str) -> None:
    assert callable(build_parser().parse_args(words.split()).command)


@pytest.mark.parametrize("program", ["checker", "client", "tui"])
def test_each_top_level_help_has_examples_and_exit_statuses(program: str) -> None:
    text = PARSERS[program]().format_help()

    assert "\nexamples:\n" in text
    assert "exit status: 0 ok, 1 " in text


def test_a_plain_parser_below_ours_has_no_commands_to_offer() -> None:
    top = Parser(prog="p")
    top.add_subparsers(parser_class=argparse.ArgumentParser).add_parser("go")

    with pytest.raises(SystemExit):
        top.parse_args(["og"])


def test_the_nearest_word_is_found_whatever_its_case() -> None:
    assert nearest("Ofice", ["office", "barn"]) == "office"
    assert nearest("x" * 10_000, ["office"]) == ""
    assert did_you_mean("barn2", ["office", "Barn"]) == "; did you mean 'Barn'?"
    assert did_you_mean("zzz", ["office"]) == ""
