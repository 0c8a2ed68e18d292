"""What exempts the tunnel user from /etc/ssh/sshrc."""

from __future__ import annotations

import pytest

from checker.sshd.sshrc import guard, spares


@pytest.mark.parametrize(
    ("text", "spared"),
    [
        pytest.param("", True, id="empty"),
        pytest.param("#!/bin/sh\n\n# nothing\n", True, id="comments"),
        pytest.param("echo hello\n", False, id="prints"),
        pytest.param(f"{guard('reversi')}\n#!/bin/sh\necho hello\n", True, id="guarded"),
        pytest.param(f"{guard('reversi')}0\n", False, id="another line"),
        pytest.param(f"echo\n{guard('reversi')}\n", False, id="guarded too late"),
        pytest.param(f"{guard('another')}\necho\n", False, id="guarded for another user"),
    ],
)
def test_an_sshrc_is_good_if_it_ends_at_once_for_the_tunnel_user(text: str, spared: bool) -> None:
    assert spares(text, "reversi") is spared
