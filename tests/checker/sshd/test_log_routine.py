"""Which of sshd's lines an admin must see. Tests checker.sshd.log_lines."""

from __future__ import annotations

import pytest

from checker.sshd.log_lines import (
    is_routine,
)

KEY = "SHA256:xukPbJmz2xyQq0XGGZcfjkPgSwGTtMI2YFy+oTPXtbk"
ACCEPTED = f"Accepted publickey for reversi from 192.0.2.7 port 41528 ssh2: ED25519 {KEY}"
TAG = "debug3: packet.c:ssh_packet_send_debug():1875 (pid=29666): sending debug message: "
LOCAL = "refused local port forward: originator 127.0.0.1 port 65535, target "


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
