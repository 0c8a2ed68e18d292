"""Which keys open an account, and which login an sshd session came from."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from checker.install.left_behind import Login
from checker.install.logged_in import key_files, login_of, opening_keys
from checker.linux.processes import Process
from checker.model import Port, ProcessId, fingerprint
from checker.sshd.log_lines import LoggedIn
from tests.strategies import public_key

USUAL = ".ssh/authorized_keys .ssh/authorized_keys2"
ORIGINAL = 'command="/home/reversi/reversi/server_port_mon.sh $SSH_ORIGINAL_COMMAND"'


def account(home: Path) -> pwd.struct_passwd:
    return pwd.struct_passwd(("reversi", "x", 990, 990, "", str(home), "/bin/sh"))


@pytest.mark.parametrize(
    ("words", "files"),
    [
        pytest.param(USUAL, ["/h/.ssh/authorized_keys", "/h/.ssh/authorized_keys2"], id="usual"),
        pytest.param("/etc/keys/%u", ["/etc/keys/reversi"], id="by name"),
        pytest.param("%h/%U/%%", ["/h/990/%"], id="tokens"),
        pytest.param("none", [], id="none"),
    ],
)
def test_sshd_says_where_an_account_has_its_keys(words: str, files: list[str]) -> None:
    assert list(map(str, key_files(account(Path("/h")), words))) == files


@pytest.mark.parametrize(
    ("line", "settings", "is_whole"),
    [
        pytest.param("", {}, True, id="only keys"),
        pytest.param("ssh-dss AAAA old", {}, False, id="a key that we cannot read"),
        pytest.param("", {"authorizedkeyscommand": "/usr/bin/keys"}, False, id="a command"),
        pytest.param("", {"authorizedkeyscommand": "none"}, True, id="no command"),
        pytest.param("", {"trustedusercakeys": "/etc/ssh/ca.pub"}, False, id="certificates"),
    ],
)
def test_all_keys_are_known_only_if_nothing_else_opens_the_account(
    tmp_path: Path, line: str, settings: dict[str, str], *, is_whole: bool
) -> None:
    file = tmp_path / ".ssh/authorized_keys2"
    file.parent.mkdir()
    file.write_text(f"# the fleet\n{ORIGINAL} {public_key(1)} root@server\n{line}\n")

    found = opening_keys(account(tmp_path), {"authorizedkeysfile": USUAL, **settings})

    assert found == (((fingerprint(public_key(1)), file),), is_whole)


def test_a_session_came_from_the_login_that_its_monitor_logged() -> None:
    session = Process(
        id=ProcessId(pid=2**22 + 1, start_ticks=1),
        parent=77,
        name="sshd",
        uid=990,
        title="sshd: reversi",
    )
    login = LoggedIn(user="reversi", peer=("192.0.2.7", 40000), fingerprint="SHA256:x")

    assert login_of(session, {}, {}, {77: login}) == Login(peer="192.0.2.7", key="SHA256:x")
    assert login_of(session, {5: Port(50123)}, {}, {78: login}) == Login()
