"""Who may say what at the daemon's socket, identified by the peer's credentials."""

from __future__ import annotations

import json

import pytest

from checker.control.client import Control
from checker.model import Aim, NodeName, Port, aim_json
from tests.system.accounts import Account
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd
SPEAK = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(sys.argv[2].replace("|", chr(0)).encode())
peer.shutdown(socket.SHUT_WR)
heard = b""
while part := peer.recv(4096):
    heard += part
print(heard.decode(), end="")
"""
NOBODY = Account(name="nobody", uid=65534, gid=65534)


def test_the_tunnel_user_may_not_kill(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("the tunnel user runs the daemon here, and may")
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    session = gateway.await_up(device)
    aim = Aim(node=NodeName(device.node), port=Port(device.ports[0]))
    request = {"schema": 1, "verb": "kill", "aims": [aim_json(aim)], "operator": "root"}

    speaker = gateway.python_as(
        gateway.mode.tunnel, SPEAK, str(gateway.layout.socket), json.dumps(request)
    )
    answer, _ = speaker.communicate(timeout=200)

    assert json.loads(answer)["error"] == "only root may kill here: use sudo"
    assert not is_gone(session)


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        pytest.param(
            "gate|office|127.0.0.1 1|check", "only the tunnel user may speak for a node", id="gate"
        ),
        pytest.param(
            '{"schema": 1, "verb": "reload"}', "only root may reload here: use sudo", id="operator"
        ),
    ],
)
def test_another_account_may_ask_nothing(gateway: Gateway, message: str, answer: str) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("only root can speak as nobody")

    speaker = gateway.python_as(NOBODY, SPEAK, str(gateway.layout.socket), message)
    heard, _ = speaker.communicate(timeout=200)

    assert answer in heard


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "[]",
        '{"verb": "kill"}',
        '{"verb": "dance", "aims": [], "operator": ""}',
        "gate|x",
        "x" * 70000,
    ],
)
def test_a_malformed_message_harms_nobody(gateway: Gateway, message: str) -> None:
    speaker = gateway.python_as(gateway.mode.runner, SPEAK, str(gateway.layout.socket), message)

    speaker.communicate(timeout=200)

    assert Control(layout=gateway.layout).daemon_pid() is not None
