"""The commands that run on a device, under real shells, and the command line of ssh."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from checker.model import NodeName, Port
from client.rollout.device import (
    IN_PLACE,
    NO_SUDO,
    NOT_COPIED,
    ON_TRIAL,
    REPLACED,
    Login,
    Visit,
    last_line,
)

NAME = NodeName("office")
BUNDLE = """case $1 in
confirmed) printf 'asked\\n' >&2; exit {confirmed} ;;
upgrade) printf 'upgraded\\n' >&2; exit {upgrade} ;;
esac
"""


def run(command: str, content: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], input=content, capture_output=True, text=True, check=False
    )


def visit(content: str, mark: str, size: int | None = None) -> Visit:
    return Visit(name=NAME, size=len(content) if size is None else size, mark=mark, sudo=False)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A word for the directory in /tmp that no other test uses."""
    return f"{tmp_path.parent.name}-{tmp_path.name}"


def folder(mark: str) -> Path:
    return Path(f"/tmp/reversi-{mark}")


@pytest.mark.parametrize(
    ("confirmed", "upgrade", "status", "says", "stays"),
    [
        pytest.param(2, 0, 0, "upgraded\n", True, id="upgraded"),
        pytest.param(0, 9, IN_PLACE, "", False, id="in place"),
        pytest.param(1, 9, REPLACED, "", True, id="on trial"),
        pytest.param(2, 2, 2, "upgraded\n", False, id="refused"),
    ],
)
def test_the_copy_is_removed_unless_it_is_still_needed(
    mark: str, confirmed: int, upgrade: int, status: int, says: str, stays: bool
) -> None:
    content = BUNDLE.format(confirmed=confirmed, upgrade=upgrade)

    done = run(visit(content, mark).copy, content)

    assert (done.returncode, done.stderr) == (status, says)
    assert folder(mark).exists() == stays
    if stays:
        assert folder(mark).stat().st_mode & 0o777 == 0o700
        assert run(visit(content, mark).ask).returncode == confirmed
        assert folder(mark).exists() == (confirmed == ON_TRIAL)
        run(f"rm -rf {folder(mark)}")


def test_a_copy_that_was_cut_off_is_not_run(mark: str) -> None:
    content = BUNDLE.format(confirmed=2, upgrade=0)

    done = run(visit(content, mark, size=len(content) + 1).copy, content)

    assert (done.returncode, done.stderr) == (NOT_COPIED, "")
    assert not folder(mark).exists()


def test_a_directory_of_another_user_is_not_used(mark: str) -> None:
    folder(mark).mkdir()
    try:
        done = run(visit("exit 0", mark).copy, "exit 0")

        assert done.returncode == NOT_COPIED
        assert list(folder(mark).iterdir()) == []
    finally:
        folder(mark).rmdir()


def test_a_user_who_is_not_root_uses_sudo_only_for_the_bundle(mark: str) -> None:
    visit = Visit(name=NAME, size=3, mark=mark, sudo=True)

    assert visit.copy.count("sudo -n sh /tmp/reversi-") == 2
    assert visit.ask.count("sudo") == 1


def test_a_user_who_may_not_use_sudo_is_told_so(mark: str, tmp_path: Path) -> None:
    (tmp_path / "sudo").write_text(
        "#!/bin/sh\nprintf 'sudo: a password is required\n' >&2\nexit 1\n"
    )
    (tmp_path / "sudo").chmod(0o755)
    visit = Visit(name=NAME, size=3, mark=mark, sudo=True)

    done = run(f"PATH={tmp_path}:$PATH; {visit.copy}")

    assert (done.returncode, done.stderr) == (NO_SUDO, "sudo: a password is required\n")
    assert not folder(mark).exists()


def test_the_admins_options_win_except_for_where_to_connect() -> None:
    login = Login(user="root", sudo=False, options=("StrictHostKeyChecking=yes", "Port=1"))

    words = login.words(NAME, "127.0.0.1", Port(20000), "exit 0")

    said = subprocess.run(
        [words[0], "-G", *words[1:]], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words[-2:] == ("office", f"exec sh -c {shlex.quote('exit 0')}")
    assert {
        "user root",
        "hostname 127.0.0.1",
        "port 20000",
        "hostkeyalias office",
        "stricthostkeychecking true",
        "batchmode yes",
        "forwardagent no",
        "clearallforwardings yes",
    } <= set(said)


def test_the_last_line_of_a_device_is_fit_for_a_terminal() -> None:
    assert last_line(b"one\r\n\x1b[31mtwo\xff\n\n") == "\\x1b[31mtwo\\ufffd"
    assert last_line(b"") == ""


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            (
                "anna@gw2.example.org: Permission denied (publickey).",
                "ssh to gateway gw2 failed; if that refused your login, --login",
                "kex_exchange_identification: Connection closed by remote host",
                "Connection closed by UNKNOWN port 65535",
            ),
            "anna@gw2.example.org: Permission denied (publickey).",
            id="no login at the gateway",
        ),
        pytest.param(
            (
                "reversi-checker: error: nobody answers at port 20010 here (Connection refused)",
                "kex_exchange_identification: Connection closed by remote host",
            ),
            "reversi-checker: error: nobody answers at port 20010 here (Connection refused)",
            id="it left meanwhile",
        ),
        pytest.param(
            ("kex_exchange_identification: read: Connection reset by peer",),
            "kex_exchange_identification: read: Connection reset by peer",
            id="nothing else",
        ),
    ],
)
def test_the_cause_is_said_and_not_what_follows_from_it(lines: tuple[str, ...], said: str) -> None:
    assert last_line("\n".join(lines).encode()) == said
