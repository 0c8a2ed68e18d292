"""A login that `doctor` tries: when it cannot, what the client reports, and what sshd logs."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor import sshd_words
from checker.doctor.facts import Facts, SshdFacts
from checker.doctor.login_trial import NoTrial, log_in, outcome
from checker.doctor.sshd_words import awaited, listening
from checker.sshd import log_reader
from tests.checker.doctor.gateways import WELL
from tests.checker.sshd.logs import entry, journal_in

PLACE = "127.0.0.1:22"
LINE = "Connection closed by authenticating user reversi 127.0.0.1 port 41 [preauth]"


def test_what_keeps_doctor_from_trying_a_login_is_said(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    layout.nodes.mkdir()
    facts = Facts(layout=layout, user="reversi", account=WELL.account, sshd=SshdFacts())

    with pytest.raises(NoTrial, match="no sshd of"):
        log_in(layout, replace(facts, sshd=None))
    with pytest.raises(NoTrial, match="only root may do that"):
        log_in(layout, replace(facts, sshd=SshdFacts(is_asked=False)))
    with pytest.raises(NoTrial, match="is missing"):
        log_in(layout, facts)
    layout.authorized_keys.touch()
    with pytest.raises(NoTrial, match="does not exist"):
        log_in(layout, replace(facts, account=None))


@pytest.mark.parametrize(
    ("done", "reached", "works", "complaint"),
    [
        pytest.param(
            subprocess.CompletedProcess([], 0, "a motd\n1 0.2.0\n", ""), True, True, "", id="well"
        ),
        pytest.param(
            subprocess.CompletedProcess([], 0, "a motd\n", ""), True, False, "", id="no answer"
        ),
        pytest.param(
            subprocess.CompletedProcess([], 255, "", "no connection: Connection refused\nlost\n"),
            False,
            False,
            "Connection refused",
            id="nobody listens",
        ),
        pytest.param(
            subprocess.CompletedProcess([], 255, "", "a\n\n b \n"),
            True,
            False,
            "a; b",
            id="refused",
        ),
        pytest.param(None, True, False, "no answer within 30 s", id="too slow"),
    ],
)
def test_what_the_client_reports_is_read(
    done: subprocess.CompletedProcess[str] | None, reached: bool, works: bool, complaint: str
) -> None:
    trial = outcome(done, PLACE, is_own=True, has_log=True)

    assert (trial.is_reached, trial.works, trial.complaint) == (reached, works, complaint)


def test_lines_of_the_journal_are_those_after_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = journal_in(tmp_path, monkeypatch)
    program = tmp_path / "bin" / "journalctl"
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\ncase "$*" in\n'
        '*--show-cursor*) echo {}; echo "-- cursor: here";;\n'
        f"*--after-cursor=here*) cat {entries};;\n*) echo {{}};;\nesac\n"
    )

    with listening((0, 990)) as take:
        assert take is not None
        entries.write_text(entry(LINE, 7) + "not JSON\n" + entry("other", 8))
        found = awaited(take, lambda lines: [line for line in lines if line.pid == 7])

    assert [line.text for line in found] == [LINE]
    assert "_UID=0 _UID=990" in (tmp_path / "asked").read_text()


def test_without_a_journal_the_log_file_is_read_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "auth.log"
    path.write_text("Nov 22 11:37:28 gw sshd[7]: before\n")
    monkeypatch.setattr(log_reader, "LOG_FILES", (path,))
    monkeypatch.setenv("PATH", str(tmp_path))

    with listening((0,)) as take:
        assert take is not None
        with path.open("a") as log:
            log.write(f"Nov 22 11:37:29 gw sshd[7]: {LINE}\n")
        found = awaited(take, lambda lines: lines)

    assert [line.text for line in found] == [LINE]


def test_without_any_log_there_is_nothing_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "LOG_FILES", ())
    monkeypatch.setattr(sshd_words, "WAITS_S", 0.0)
    monkeypatch.setenv("PATH", str(tmp_path))

    with listening((0,)) as take:
        assert take is None
    assert awaited(list, lambda lines: lines) == []
