"""Names of accounts and groups, and accounts that sshd takes for locked."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from checker.linux.accounts import (
    account_days,
    group_name,
    is_account,
    is_group,
    is_locked,
    password_days,
    user_name,
)

NOBODY_HAS = 2**32 - 7


def test_a_user_and_a_group_have_their_names() -> None:
    assert (user_name(0), group_name(0)) == ("root", "root")
    assert (user_name(NOBODY_HAS), group_name(NOBODY_HAS)) == (str(NOBODY_HAS), str(NOBODY_HAS))


@pytest.mark.parametrize(
    ("password", "locked"),
    [
        pytest.param("!", True, id="no password"),
        pytest.param("!$y$j9T", True, id="locked by passwd"),
        pytest.param("*", False, id="no password, but keys"),
        pytest.param("$y$j9T", False, id="password"),
    ],
)
def test_an_exclamation_mark_locks_an_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str, locked: bool
) -> None:
    shadow = tmp_path / "shadow"
    shadow.write_bytes(b"reversi2:!:1::::::\n\xff:!:1\n" + f"reversi:{password}:1::::::\n".encode())
    monkeypatch.setattr("checker.linux.accounts.SHADOW", shadow)

    assert is_locked("reversi") is locked


@pytest.mark.parametrize(
    ("line", "account", "password"),
    [
        pytest.param("reversi:*:20000::::::", None, None, id="never"),
        pytest.param("reversi:*:20000:0:99999:7:::", None, True, id="far away"),
        pytest.param("reversi:*:20000:0:1:7::1:", False, False, id="both are over"),
        pytest.param("reversi:*:0:0:99999:7::0:", False, False, id="at once"),
        pytest.param("reversi:*", None, None, id="short"),
        pytest.param("reversi2:*:0:0:1:7::1:", None, None, id="another"),
    ],
)
def test_expiry_dates_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    account: bool | None,
    password: bool | None,
) -> None:
    (tmp_path / "shadow").write_text(f"{line}\n")
    monkeypatch.setattr("checker.linux.accounts.SHADOW", tmp_path / "shadow")

    days = account_days("reversi"), password_days("reversi")

    assert tuple(None if one is None else one > 0 for one in days) == (account, password)


def test_without_a_shadow_file_no_account_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.linux.accounts.SHADOW", tmp_path / f"none-{os.getpid()}")

    assert not is_locked("reversi")


def test_what_does_not_exist_is_neither_an_account_nor_a_group() -> None:
    assert is_account(pwd.getpwuid(0).pw_name)
    assert is_group(grp.getgrgid(0).gr_name)
    for is_there in (is_account, is_group):
        assert not is_there("no such name")
