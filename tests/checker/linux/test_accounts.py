"""Names of accounts and groups, and accounts that sshd takes for locked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.linux.accounts import group_name, is_locked, user_name

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


def test_without_a_shadow_file_no_account_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.linux.accounts.SHADOW", tmp_path / f"none-{os.getpid()}")

    assert not is_locked("reversi")
