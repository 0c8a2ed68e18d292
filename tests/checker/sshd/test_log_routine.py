"""Which of sshd's lines an admin must see. Tests checker.sshd.log_lines."""

from __future__ import annotations

import pytest

from checker.sshd.log_lines import (
    is_routine,
)
from tests.checker.sshd.samples import ACCEPTED, LOCAL, TAG


@pytest.mark.parametrize(
    "text",
    [
        "error: bind [127.0.0.1]:20010: Address already in use",
        "/etc/reversi/authorized_keys: bad permissions",
        "kex_exchange_identification: Connection closed by remote host",
        "Unable to load host key: /x",
        "fatal: no hostkeys available",
        "new words of sshd",
    ],
)
def test_a_fault_is_not_routine(text: str) -> None:
    assert not is_routine(text)


@pytest.mark.parametrize(
    "text",
    [
        ACCEPTED,
        LOCAL,
        TAG,
        "Server listening on :: port 22.",
        "Received signal 15; terminating.",
        "Bad packet length 1.",
    ],
)
def test_everyday_lines_are_routine(text: str) -> None:
    assert is_routine(text)
