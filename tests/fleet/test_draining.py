"""`fleet drain ID` and `fleet undrain ID`: at this gateway, and at another one over a real bus."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout
from checker.control.draining import drain_progress
from checker.model import CheckerError, EventKind
from checker.signatures import KEY_FILE
from checker.state.drain_file import read_drain
from checker.state.store import open_reader
from tests.fleet.buses import Station, program, stations, until_connected
from tests.fleet.homes import Member
from tests.system.waiting import until


def test_an_unknown_gateway_is_refused_in_one_sentence(gw1: Member) -> None:
    for verb in ("drain", "undrain"):
        code, out, err = gw1.say("fleet", verb, "gw7")

        assert (code, out) == (2, "")
        assert "there is no card of a gateway 'gw7'" in err


def test_a_dry_run_says_what_another_gateway_would_be_asked(gw1: Member) -> None:
    before = gw1.events()

    drain = gw1.do("fleet", "drain", "gw2", "--dry-run")
    undrain = gw1.do("fleet", "undrain", "gw2", "--dry-run")

    effect = "tell its nodes to use another gateway, until undrain"
    assert drain == f"would ask gateway gw2 to {effect}\n"
    assert undrain == "would ask gateway gw2 to take nodes again\n"
    assert gw1.events() == before


def test_without_an_agent_nothing_is_done(gw1: Member) -> None:
    code, out, err = gw1.say("fleet", "drain", "gw2", "--yes")

    assert (code, out) == (3, "")
    assert "nothing was done: gateway gw2 cannot be reached: no agent runs here" in err


def test_without_a_key_nothing_is_asked(gw1: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_FILE)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    code, _, err = gw1.say("fleet", "undrain", "gw2")

    assert code == 2
    assert "gateway gw2 acts only on your signature" in err


def answers(layout: Layout) -> bool:
    """Whether a daemon runs there."""
    try:
        drain_progress(layout)
    except CheckerError:
        return False
    return True


def acts(layout: Layout) -> list[str]:
    with closing(open_reader(layout.state)) as reader:
        return [one.text for one in reader.events() if one.kind is EventKind.ACT]


@pytest.mark.sshd
@pytest.mark.usefixtures("sbin")
def test_another_gateway_drains_over_the_bus(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "people" / "anna"))

    def said(station: Station, *words: str) -> str:
        capsys.readouterr()
        assert run(["--home", str(station.home), "fleet", *words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    with stations(tmp_path, ("gw1", "gw2")) as (gw1, gw2):
        until_connected([gw1, gw2])
        words = [sys.executable, "-m", "checker", "--home", str(gw2.home), "serve"]
        with program(words, gw2.home, gw2.home / "daemon.log"):
            until(lambda: answers(gw2.layout), "the daemon of gw2")

            drained = said(gw1, "drain", "gw2", "--yes")
            at_home = said(gw2, "drain", "gw2", "--yes")
            found = read_drain(gw2.layout.drain).drain
            ended = said(gw1, "undrain", "gw2")

            assert drained == "gw2: it drains: 0 connections to go\n"
            assert at_home.startswith("draining: ")
            assert found is not None
            assert found.by.startswith("anna (SHA256:")
            assert ended == "gw2: it takes nodes again\n"
            assert read_drain(gw2.layout.drain).drain is None
            there = ["undrain: it takes nodes again", "drain: it drains: 0 connections to go"]
            assert sorted(acts(gw2.layout)) == sorted(there)
