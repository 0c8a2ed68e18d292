"""What `init` refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.steps import (
    Choices,
    UserAccount,
)
from checker.install.unit_files import DAEMON_USER
from tests.checker.install.machines import STOCK

ACCOUNT = UserAccount(uid=9, shell="/bin/sh", is_locked=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(
            {"choices": Choices(tunnel_user="a b")},
            "useradd does not accept the name 'a b'",
            id="name",
        ),
        pytest.param(
            {"choices": Choices(tunnel_user=DAEMON_USER)},
            "the daemon's own account",
            id="the daemon's",
        ),
        pytest.param({"python": "/home/me/venv/bin/python"}, "install it under /opt", id="home"),
        pytest.param(
            {"accounts": {"reversi": UserAccount(uid=0, shell="/bin/sh", is_locked=False)}},
            "the rights of root",
            id="root",
        ),
        pytest.param(
            {"accounts": {"reversi": UserAccount(uid=9, shell="/bin/false", is_locked=False)}},
            "usermod --shell /bin/sh",
            id="shell",
        ),
        pytest.param(
            {"accounts": {"reversi": UserAccount(uid=9, shell="", is_locked=False)}},
            "usermod --shell",
            id="no shell",
        ),
        pytest.param(
            {
                "accounts": {"reversi": UserAccount(uid=9, shell="/bin/sh", is_locked=True)},
                "uses_pam": False,
            },
            "locked with '!' and sshd has UsePAM no",
            id="locked",
        ),
        pytest.param(
            {"accounts": {"reversi": replace(ACCOUNT, expires_in_days=-20000)}},
            "has expired, so nobody can log in",
            id="expired",
        ),
        pytest.param(
            {"accounts": {"reversi": replace(ACCOUNT, password_in_days=-1)}},
            "a login can only change it",
            id="aged",
        ),
    ],
)
def test_init_refuses_what_only_the_admin_can_change(
    change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Refused, match=sentence.replace("(", r"\(")):
        plan(replace(STOCK, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize("uses_pam", [True, None])
def test_an_account_locked_with_an_exclamation_mark_serves_its_devices_through_pam(
    *, uses_pam: bool | None
) -> None:
    account = UserAccount(uid=9, shell="/bin/sh", is_locked=True)

    assert plan(replace(STOCK, accounts={"reversi": account}, uses_pam=uses_pam)).steps
