"""What a command says on standard error, and what it asks there."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

import pytest

from checker.cli.dialog import Declined, ask, show_note, would
from checker.model import Note
from tests.terminals import without_echo

ASKING = argparse.Namespace(yes=False)


def at_a_terminal(
    args: argparse.Namespace, typed: str, asked: bytes, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Whether it was agreed to remove all, once the terminal has shown what is asked."""
    ours, theirs = without_echo()
    path = Path(os.ttyname(theirs))
    os.write(ours, f"{typed}\n".encode())
    with path.open(encoding="ascii") as keyboard, path.open("w", encoding="ascii") as screen:
        monkeypatch.setattr(sys, "stdin", keyboard)
        monkeypatch.setattr(sys, "stderr", screen)
        is_agreed = False
        with contextlib.suppress(Declined):
            ask(args, "remove all", ["remove one", "remove two"])
            is_agreed = True
        monkeypatch.undo()
        shown = b""
        while asked not in shown:
            shown += os.read(ours, 1000)
    os.close(ours)
    os.close(theirs)
    return is_agreed


@pytest.mark.parametrize(
    ("typed", "is_agreed"), [("y", True), ("YES", True), ("n", False), ("", False), ("yeah", False)]
)
def test_only_a_typed_yes_is_consent_to_what_was_shown(
    typed: str, is_agreed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = b"This will:\r\n  remove one\r\n  remove two\r\nremove all? [y/N] "

    assert at_a_terminal(ASKING, typed, asked, monkeypatch) is is_agreed


def test_with_yes_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_a_terminal(argparse.Namespace(yes=True), "n", b"", monkeypatch)


def test_without_a_terminal_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    ask(ASKING, "kill it", ["kill it"])

    assert capsys.readouterr().err == ""


def test_a_dry_run_says_what_would_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    would(["remove one", "remove two"])

    assert capsys.readouterr() == ("would remove one\nwould remove two\n", "")


def test_only_a_warning_gets_the_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    show_note(Note("wrote a file"))
    show_note(Note("disk full", is_warning=True))

    assert capsys.readouterr() == ("", "wrote a file\nreversi-checker: warning: disk full\n")
