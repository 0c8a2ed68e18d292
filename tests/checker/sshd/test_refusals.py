"""Attributing refusals to logins, with sshd's lines in order and out of order."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from checker.model import fingerprint
from checker.sshd import refusals
from checker.sshd.log_lines import LogLine
from checker.sshd.refusals import Hearing, Refusal
from tests.programs import require

KEY = "SHA256:xukPbJmz2xyQq0XGGZcfjkPgSwGTtMI2YFy+oTPXtbk"
PEER = ("192.0.2.7", 41528)
ACCEPTED = f"Accepted publickey for reversi from 192.0.2.7 port 41528 ssh2: ED25519 {KEY}"
DENIED = "but the request was denied."
TUNNEL_UID = 990


def test_a_fingerprint_is_the_one_that_ssh_keygen_writes(tmp_path: Path) -> None:
    require("ssh-keygen")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True
    )
    wanted = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert fingerprint((tmp_path / "key.pub").read_text()) == wanted.split()[1]


def refusal(what: str = "a terminal", key: str = KEY, pid: int | None = 12) -> Refusal:
    address, port = PEER
    return Refusal(what=what, address=address, port=port, fingerprint=key, pid=pid)


PTY = (
    "debug1: session.c:session_pty_req():1905 (pid=12): Allocating a pty not permitted for this"
    " connection."
)


@pytest.fixture
def hearing() -> Hearing:
    return Hearing("reversi", TUNNEL_UID)


def test_a_refusal_belongs_to_the_login_whose_process_sshd_named(hearing: Hearing) -> None:
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0))
    hearing.hear(LogLine(text="User child is on pid 12", pid=11, uid=0))

    assert hearing.hear(LogLine(text=PTY, pid=12, uid=TUNNEL_UID)) == refusal()


def test_a_refusal_belongs_to_the_login_whose_child_wrote_it() -> None:
    hearing = Hearing("reversi", TUNNEL_UID, parent_of={12: 11}.get)
    hearing.hear(LogLine(text=ACCEPTED, pid=11))

    assert hearing.hear(LogLine(text=PTY, pid=12)) == refusal()
    assert hearing.hear(LogLine(text=PTY, pid=13)) is None


def test_a_refusal_with_an_address_needs_no_process(hearing: Hearing) -> None:
    hearing.hear(LogLine(text=ACCEPTED))

    heard = hearing.hear(
        LogLine(
            text=(
                "Received request from 192.0.2.7 port 41528 to remote forward to host h port 22,"
                f" {DENIED}"
            )
        )
    )

    assert heard == refusal("listening on h port 22", pid=None)


@pytest.mark.parametrize(
    ("uid", "told"),
    [
        pytest.param(
            TUNNEL_UID, ("192.0.2.9", 5, "SHA256:other"), id="the kernel knows the writer"
        ),
        pytest.param(None, (*PEER, KEY), id="a log file has only the words"),
    ],
)
def test_the_writers_process_counts_more_than_the_words_of_a_line(
    hearing: Hearing, uid: int | None, told: tuple[str, int, str]
) -> None:
    other = "Accepted publickey for reversi from 192.0.2.9 port 5 ssh2: ED25519 SHA256:other"
    for text, pid in ((ACCEPTED, 11), (other, 21), ("User child is on pid 22", 21)):
        hearing.hear(LogLine(text=text, pid=pid, uid=0))

    heard = hearing.hear(
        LogLine(
            text=(
                f"Received request from 192.0.2.7 port 41528 to connect to host h port 22, {DENIED}"
            ),
            pid=22,
            uid=uid,
        )
    )

    assert heard is not None
    assert (heard.address, heard.port, heard.fingerprint) == told


def test_a_refusal_to_an_admin_is_not_an_event(hearing: Hearing) -> None:
    hearing.hear(LogLine(text=ACCEPTED.replace("reversi", "admin"), pid=11, uid=0))

    assert hearing.hear(LogLine(text=PTY, pid=11, uid=1000)) is None
    assert hearing.hear(LogLine(text=PTY, pid=11)) is None


@pytest.mark.parametrize("what", [ACCEPTED, PTY])
def test_what_another_user_of_the_machine_writes_is_not_believed(
    hearing: Hearing, what: str
) -> None:
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0 if what == PTY else 1000))

    assert hearing.hear(LogLine(text=PTY, pid=11, uid=1000 if what == PTY else 0)) is None


def test_a_refusal_to_an_unseen_login_has_no_key(hearing: Hearing) -> None:
    heard = hearing.hear(LogLine(text=PTY, pid=12, uid=TUNNEL_UID))

    assert heard == Refusal(what="a terminal", address="", port=0, fingerprint="", pid=12)


@pytest.mark.parametrize(
    ("text", "pid", "refused"),
    [
        pytest.param("Disconnected from user reversi 192.0.2.7 port 41528", 12, None, id="left"),
        pytest.param("Exiting on signal 15", 12, None, id="killed"),
        pytest.param(
            "Read error from remote host 192.0.2.7 port 41528: Connection timed out",
            12,
            None,
            id="lost",
        ),
        pytest.param(
            "ssh_dispatch_run_fatal: Connection from user reversi 192.0.2.7 port 41528: Broken"
            " pipe",
            12,
            None,
            id="broken",
        ),
        pytest.param(
            "ssh_dispatch_run_fatal: Connection from user reversi 192.0.2.7 port 41528: Connection"
            " corrupted",
            12,
            "a malformed packet (Connection corrupted)",
            id="ended for what it sent",
        ),
        pytest.param(
            "Accepted password for admin from 192.0.2.7 port 41528 ssh2",
            99,
            None,
            id="an admin comes from there",
        ),
        pytest.param(
            "Accepted publickey for admin from 192.0.2.9 port 5 ssh2: ED25519 SHA256:x",
            11,
            None,
            id="an admin has its process",
        ),
    ],
)
def test_a_login_is_forgotten_when_its_connection_ends(
    hearing: Hearing, text: str, pid: int, refused: str | None
) -> None:
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0))
    hearing.hear(LogLine(text="User child is on pid 12", pid=11, uid=0))

    heard = hearing.hear(LogLine(text=text, pid=pid, uid=0))

    assert heard == (refusal(refused) if refused else None)
    assert [hearing.hear(LogLine(text=PTY, pid=pid, uid=0)) for pid in (11, 12)] == [None, None]
    assert (hearing.logins, hearing.peers, hearing.addresses) == ({}, {}, {})


def test_the_end_of_another_process_ends_nothing(hearing: Hearing) -> None:
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0))

    hearing.hear(LogLine(text="Exiting on signal 15", pid=10, uid=0))
    hearing.hear(LogLine(text="Exiting on signal 15"))

    assert list(hearing.logins) == [PEER]


def test_a_process_that_serves_another_login_no_longer_belongs_to_the_first(
    hearing: Hearing,
) -> None:
    other = ACCEPTED.replace("41528", "5").replace(KEY, "SHA256:other")
    for text, pid in (
        (ACCEPTED, 11),
        ("User child is on pid 12", 11),
        (other, 21),
        ("User child is on pid 12", 21),
    ):
        hearing.hear(LogLine(text=text, pid=pid, uid=0))

    heard = hearing.hear(LogLine(text=PTY, pid=12, uid=TUNNEL_UID))

    assert heard is not None
    assert (heard.port, heard.fingerprint) == (5, "SHA256:other")
    assert hearing.hear(LogLine(text=PTY, pid=11, uid=0)) is None


def test_a_long_login_is_remembered_however_many_come_and_go(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LOGINS_HELD", 3)
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0))

    for number in range(100, 110):
        hearing.hear(LogLine(text=ACCEPTED.replace("41528", str(number)), pid=number, uid=0))
        hearing.hear(
            LogLine(
                text=f"Disconnected from user reversi 192.0.2.7 port {number}", pid=number, uid=0
            )
        )

    assert hearing.hear(LogLine(text=PTY, pid=11, uid=0)) == refusal(pid=11)


def test_a_login_as_another_user_counts_from_a_nodes_address(hearing: Hearing) -> None:
    attempt = LogLine(
        text="Connection closed by invalid user root 192.0.2.7 port 9 [preauth]", pid=3, uid=0
    )

    assert hearing.hear(attempt) is None
    hearing.hear(LogLine(text=ACCEPTED, pid=11, uid=0))
    assert hearing.hear(attempt) == Refusal(
        what="a login as root", address="192.0.2.7", port=0, fingerprint="", pid=None
    )
    hearing.hear(LogLine(text="Disconnected from user reversi 192.0.2.7 port 41528", pid=11, uid=0))
    assert hearing.hear(attempt) is None


def test_the_oldest_login_is_dropped_when_there_is_no_room(
    hearing: Hearing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "LOGINS_HELD", 3)

    for number in range(10):
        hearing.hear(LogLine(text=ACCEPTED.replace("41528", str(number)), pid=number, uid=0))

    assert list(hearing.logins) == [("192.0.2.7", number) for number in (7, 8, 9)]
    assert list(hearing.peers) == [7, 8, 9]
    assert hearing.addresses == {"192.0.2.7": 3}
