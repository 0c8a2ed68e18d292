"""The verb `alert`; tests/checker/alerts tests its process, and tests/system/test_alerts.py all."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from checker.alerts.process import Alerting
from checker.cli import alert
from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import Layout
from tests.checker.cli.homes import Run


def write(layout: Layout, text: str) -> None:
    layout.config.with_name("alerts.toml").write_text(text)


def test_a_test_message_goes_each_way_and_each_result_is_shown(
    office: Layout, checker: Run
) -> None:
    write(office, 'command = ["/bin/true"]\ncomand = 1\n')
    status, out, err = checker("alert", "--test")
    assert (status, out) == (ExitCode.OK, "command true: sent\n")
    assert err.startswith("reversi-checker: warning: ")
    assert "did you mean 'command'?" in err

    write(office, 'command = ["/bin/false"]\n')
    assert checker("alert", "--test")[:2] == (
        ExitCode.NOT_UP,
        "command false: exit status 1\n",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no way to send"),
        ("storm = 0\n", "storm must be a whole number from 1 to 1000"),
        ("storm = \n", "not valid TOML"),
    ],
)
def test_a_file_that_cannot_work_is_one_sentence_and_exit_status_2(
    office: Layout, checker: Run, text: str, words: str
) -> None:
    write(office, text)

    status, out, err = checker("alert", "--test")

    assert (status, out) == (ExitCode.USAGE, "")
    assert err.startswith("reversi-checker: error: ")
    assert "alerts.toml" in err
    assert words in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "tag:nowhere",
            "no node has the tag 'nowhere'; until a node matches, no outage is reported",
        ),
        ("statuss:up", "there is no column 'statuss'; did you mean 'status'?"),
        ("node:office", ""),
    ],
)
def test_a_filter_that_watches_nothing_is_a_warning(
    office: Layout, checker: Run, text: str, words: str
) -> None:
    write(office, f'command = ["/bin/true"]\nfilter = "{text}"\n')

    status, out, err = checker("alert", "--test")

    assert (status, out) == (ExitCode.OK, "command true: sent\n")
    assert words in err
    assert bool(words) == bool(err)


def test_a_missing_file_is_said_to_be_missing(office: Layout, checker: Run) -> None:
    status, _, err = checker("alert", "--test")

    assert status == ExitCode.USAGE
    assert "alerts.toml: does not exist; write it, with send or command" in err


def test_a_missing_gateway_is_an_error(tmp_path: Path) -> None:
    assert run(["--home", str(tmp_path / "none"), "alert"]) == ExitCode.USAGE


def test_a_gateway_is_called_by_the_first_part_of_its_host_name() -> None:
    assert "." not in alert.gateway_name()
    assert alert.gateway_name()


def test_sigterm_ends_it_with_0(office: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    write(office, 'command = ["/bin/true"]\n')
    turned = threading.Event()
    turn = Alerting.turn

    def and_end(self: Alerting) -> None:
        turn(self)
        turned.set()
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Alerting, "turn", and_end)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert run(["--home", str(office.home), "alert"]) == ExitCode.OK
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert turned.is_set()
