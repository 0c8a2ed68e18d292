"""Events about what sshd refused, from each place where its log may be."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from checker.daemon.sshd_events import Attempts, log_refusals
from checker.linux.processes import read_process
from checker.model import (
    NodeName,
    ProcessId,
    Registration,
    fingerprint,
)
from checker.sshd import log_reader
from checker.sshd.log_lines import LogLine
from checker.sshd.log_reader import (
    log_file,
    source,
)
from checker.tunnels.gateway import REFUSALS, Gateway
from tests.checker.sshd.logs import (
    ACCEPTED,
    KEY,
    TERMINAL,
    at_work,
    entry,
    gateway_in,
    journal_in,
    told,
    until,
    write,
)

DENIED = (
    "Received request from 192.0.2.7 port 41528 to remote forward to host localhost port 22, but"
    " the request was denied."
)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return gateway_in(tmp_path)


def test_a_refusal_is_an_event_of_the_node_whose_key_logged_in(gateway: Gateway) -> None:
    attempts = Attempts(gateway)

    attempts.hear(LogLine(text=ACCEPTED, pid=7, uid=0))
    attempts.hear(LogLine(text=DENIED, pid=7, uid=0))

    sentence = "sshd refused listening on localhost port 22, asked for by 192.0.2.7:41528"
    assert told(gateway) == [("office", "node office", sentence)]


def test_a_refusal_to_an_unknown_key_names_the_address(gateway: Gateway) -> None:
    attempts = Attempts(gateway)
    other = ACCEPTED.replace(fingerprint(KEY), "SHA256:shared").replace("192.0.2.7", "2001:db8::7")

    attempts.hear(LogLine(text=other, pid=7, uid=0))
    attempts.hear(LogLine(text=TERMINAL, pid=7, uid=0))

    assert told(gateway) == [
        (None, "address 2001:db8::7", "sshd refused a terminal, asked for by [2001:db8::7]:41528")
    ]


@pytest.mark.parametrize(
    ("older_by", "node", "actor"),
    [
        pytest.param(0, "office", "node office", id="its process"),
        pytest.param(1, None, "an unknown peer", id="another, of its number"),
    ],
)
def test_a_login_before_the_daemon_started_is_known_by_its_registration(
    gateway: Gateway, older_by: int, node: str | None, actor: str
) -> None:
    here = read_process(os.getpid())
    assert here is not None
    session = ProcessId(pid=here.id.pid, start_ticks=here.id.start_ticks - older_by)
    gateway.ledger.register(
        Registration(
            node=NodeName("office"), instance="main", session=session, peer="", registered_at=0.0
        )
    )

    Attempts(gateway).hear(LogLine(text=TERMINAL, pid=os.getpid(), uid=os.getuid()))

    assert told(gateway) == [(node, actor, "sshd refused a terminal, asked for by an unknown peer")]


def test_a_node_without_recent_refusals_is_forgotten(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    Attempts(gateway).hear(LogLine(text=TERMINAL, pid=7, uid=os.getuid()))
    gateway.forget_refused()
    assert len(gateway.refused.allowances) == 1

    later = time.monotonic() + 361
    monkeypatch.setattr(time, "monotonic", lambda: later)
    gateway.forget_refused()

    assert gateway.refused.allowances == {}


def test_a_thief_does_not_fill_the_log(gateway: Gateway) -> None:
    attempts = Attempts(gateway)
    attempts.hear(LogLine(text=ACCEPTED, pid=7, uid=0))

    for _ in range(3 * REFUSALS.burst):
        attempts.hear(LogLine(text=TERMINAL, pid=7, uid=0))

    assert REFUSALS.burst <= len(told(gateway)) < REFUSALS.burst + REFUSALS.a_minute


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return journal_in(tmp_path, monkeypatch)


async def test_without_a_journal_the_log_file_is_followed(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "auth.log"
    path.write_text("Nov 22 11:37:28 gw sshd[7]: before\n")
    monkeypatch.setattr(log_reader, "LOG_FILES", (tmp_path / "none", path))
    monkeypatch.setattr(log_reader, "LOOK_EVERY_S", 0.01)
    monkeypatch.setenv("PATH", str(tmp_path))

    async with at_work(lambda: log_refusals(gateway)):
        while not told(gateway):  # it begins at the end, whenever that is
            with path.open("a") as log:
                log.writelines(
                    f"Nov 22 11:37:28 gw sshd[{os.getpid()}]: {text}\n"
                    for text in (ACCEPTED, DENIED)
                )
            await asyncio.sleep(0.05)

    assert told(gateway)[0][:2] == ("office", "node office")
    assert (log_file(), source()) == (path, str(path))


async def test_without_a_log_to_read_the_daemon_looks_again(
    gateway: Gateway, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "journalctl"
    program.rename(tmp_path / "bin" / "later")
    monkeypatch.setattr(log_reader, "LOG_FILES", ())
    monkeypatch.setattr(log_reader, "AGAIN_AFTER_S", 0.01)
    monkeypatch.setattr(log_reader, "JOURNALCTL", (str(program),))
    write(journal, entry(ACCEPTED, 7), entry(TERMINAL, 7))
    assert source() == ""

    async with at_work(lambda: log_refusals(gateway)):
        (tmp_path / "bin" / "later").rename(program)
        await until(lambda: told(gateway))

    assert source() == "the journal"


def test_a_refusal_to_the_key_of_an_enrolment_names_the_enrolment(gateway: Gateway) -> None:
    attempts = Attempts(gateway)
    gateway.enrolling = {"SHA256:bundle": "field"}
    other = ACCEPTED.replace(fingerprint(KEY), "SHA256:bundle")

    attempts.hear(LogLine(text=other, pid=7, uid=0))
    attempts.hear(LogLine(text=TERMINAL, pid=7, uid=0))

    sentence = "sshd refused a terminal, asked for by 192.0.2.7:41528"
    assert told(gateway) == [(None, "enrolment field", sentence)]
