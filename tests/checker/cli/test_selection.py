"""`--filter`: what is refused, and the question before many targets."""

from __future__ import annotations

import argparse
import io
import sys

import pytest

from checker.cli.dialog import Declined
from checker.cli.exit_codes import ExitCode, exit_code_of
from checker.cli.selection import (
    NothingMatches,
    Unconfirmed,
    add_filter,
    confirm_many,
    refuse_both,
    refuse_neither,
)
from checker.model import InvalidValue

FEW = [f"disable n{number}" for number in range(5)]
MANY = [f"disable n{number}" for number in range(6)]


def typed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="*")
    parser.add_argument("--yes", action="store_true")
    add_filter(parser)
    return parser.parse_args(words)


class Terminal(io.StringIO):
    """A terminal at which this line is typed."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, line: str) -> Terminal:
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(f"{line}\n"))
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


def test_names_and_a_filter_together_are_refused() -> None:
    with pytest.raises(InvalidValue, match=r"give NODE, or --filter, not both.*: 'node:office "):
        refuse_both(typed("office", "--filter", "x"), ["office:20010"], "NODE")
    with pytest.raises(InvalidValue, match="a filter can name them too: 'port:20010 "):
        refuse_both(typed("20010", "--filter", "x"), ["20010"], "PORT")
    with pytest.raises(InvalidValue, match="nothing is named; give NODE, or --filter TEXT"):
        refuse_neither(typed(), [], "NODE")
    refuse_neither(typed("--filter", ""), [], "NODE")
    refuse_neither(typed("office"), ["office"], "NODE")


def test_many_are_confirmed_by_their_count(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = at_a_terminal(monkeypatch, "6")

    assert confirm_many(typed("--filter", "x"), "disable 6 nodes", MANY)

    assert shown.getvalue() == (
        "This will:\n" + "".join(f"  {line}\n" for line in MANY) + "disable 6 nodes? Type 6 to"
        " continue: "
    )


@pytest.mark.parametrize("line", ["y", "yes", "", "5", "06"])
def test_another_answer_than_the_count_declines(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    at_a_terminal(monkeypatch, line)

    with pytest.raises(Declined):
        confirm_many(typed(), "disable 6 nodes", MANY)


def test_a_few_are_confirmed_by_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = at_a_terminal(monkeypatch, "y")

    assert confirm_many(typed("--filter", "x"), "disable 5 nodes", FEW)

    assert shown.getvalue().endswith("disable 5 nodes? [y/N] ")


def test_a_long_plan_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = at_a_terminal(monkeypatch, "30")

    confirm_many(typed(), "do it", [f"line {number}" for number in range(30)])

    assert "  line 19\n  and 10 more; --dry-run shows all\n" in shown.getvalue()
    assert "line 20" not in shown.getvalue()


def test_nothing_is_asked_with_yes_nor_about_a_few_whose_tunnels_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = at_a_terminal(monkeypatch, "")

    assert not confirm_many(typed("--yes", "--filter", "x"), "do it", MANY)
    assert not confirm_many(typed("--filter", "x"), "do it", FEW, ends=False)
    assert shown.getvalue() == ""


def test_without_a_terminal_a_filter_acts_on_many_only_with_yes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(
        Unconfirmed, match=r"matches 6 nodes, and there is no terminal .* add --yes"
    ):
        confirm_many(typed("--filter", "x"), "do it", MANY, what="nodes", ends=False)
    assert not confirm_many(typed("--filter", "x"), "do it", FEW)
    assert not confirm_many(typed(*"abcdef"), "do it", MANY)


def test_exit_statuses() -> None:
    assert exit_code_of(NothingMatches("none")) is ExitCode.NOT_UP
    assert exit_code_of(Unconfirmed(6, "nodes")) is ExitCode.USAGE
