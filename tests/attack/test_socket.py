"""The daemon's socket, against whoever has an account on the machine."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any

import pytest

from checker.control.client import Control
from checker.daemon.crowd import CONNECTIONS_AT_ONCE
from checker.model import EventKind
from tests.attack.thief import as_runner
from tests.system.accounts import Account
from tests.system.harness import Gateway
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd
NOBODY = Account(name="nobody", uid=65534, gid=65534)
CROWD = 1000
STAY = f"""
import resource, select, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
peers = []
while len(peers) < {CROWD}:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
    peers.append(peer)
print("connected", flush=True)
waiting = {{peer.fileno(): peer for peer in peers}}
poll = select.poll()
for number in waiting:
    poll.register(number, select.POLLIN | select.POLLHUP)
while waiting:
    for number, _ in poll.poll(100):
        poll.unregister(number)
        waiting.pop(number).close()
    for number, peer in list(waiting.items())[::2]:
        try:
            peer.send(b"g")
        except OSError:
            pass
print("closed", flush=True)
"""
SPEAK = """
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(sys.argv[2].replace("|", chr(0)).encode())
peer.shutdown(socket.SHUT_WR)
print(peer.makefile().read(), end="")
"""


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def is_open(gateway: Gateway) -> bool:
    return Control(layout=gateway.layout).daemon_pid() is not None


def test_a_thousand_silent_connections_are_dropped(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    gateway.await_up(device)
    who = (gateway.mode.tunnel, *([NOBODY] if gateway.mode.is_privileged else []))
    crowds = [gateway.python_as(account, STAY, str(gateway.layout.socket)) for account in who]
    assert [line_of(crowd) for crowd in crowds] == ["connected\n"] * len(crowds)

    assert is_open(gateway)
    assert connection.beat() == 0
    assert device.verdict("check") == 0
    assert gateway.probe(device) == "up"
    assert [line_of(crowd) for crowd in crowds] == ["closed\n"] * len(crowds)


def test_another_account_gets_only_a_few_connections(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("only root can run a program as nobody")
    count = STAY.replace(f"< {CROWD}", f"< {CONNECTIONS_AT_ONCE + 20}").replace(
        "while waiting:", "while len(waiting) > most_may_stay:"
    )

    crowd = gateway.python_as(
        NOBODY, f"most_may_stay = {CONNECTIONS_AT_ONCE}\n{count}", str(gateway.layout.socket)
    )

    assert [line_of(crowd), line_of(crowd)] == ["connected\n", "closed\n"]
    assert is_open(gateway)


AIM = {"node": "office", "port": 1, "pid": None}


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"[" * 60_000, id="nested without end"),
        pytest.param(b'{"a":' * 12_000, id="objects without end"),
        pytest.param(
            b'{"verb": "kill", "aims": [{"node": "x", "port": 1e999, "pid": null}], "operator":'
            b' "x"}',
            id="infinite port",
        ),
        pytest.param(
            b'{"verb": "kill", "aims": [{"node": "x", "port": 1, "pid": 1e999, "start_ticks": 1}]}',
            id="infinite PID",
        ),
        pytest.param(
            b'{"verb": "kill", "aims": [{"node": "x", "port": ' + b"9" * 5000 + b', "pid": null}]}',
            id="endless port",
        ),
        pytest.param(
            b'{"verb": "kill", "aims": {"a": 1}, "operator": "x"}', id="aims of a wrong type"
        ),
        pytest.param(b'{"verb": ["kill"], "aims": [], "operator": "x"}', id="verb of a wrong type"),
        pytest.param(b"\xff\xfe" * 1000, id="not UTF-8"),
    ],
)
def test_a_malformed_request_is_answered_and_harms_nobody(gateway: Gateway, message: bytes) -> None:
    answer = json.loads(as_runner(gateway, message))

    assert "a malformed request" in answer.get("error", "")
    assert is_open(gateway)
    assert "Traceback" not in gateway.log()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0" * 100, id="NULs"),
        pytest.param(b"gate", id="no field"),
        pytest.param(b"gate\0", id="an empty field"),
        pytest.param(b"gate\0a\0b\0c\0d\0e\0f", id="too many fields"),
        pytest.param(b"x" * 70_000, id="too long"),
        pytest.param(b"gate\0" + b"x" * 70_000, id="too long a field"),
    ],
)
def test_a_message_without_its_fields_harms_nobody(gateway: Gateway, message: bytes) -> None:
    # too long: the daemon closes the connection with bytes unread, which resets it
    with contextlib.suppress(OSError):
        as_runner(gateway, message)

    assert is_open(gateway)
    assert "Traceback" not in gateway.log()


def test_an_operators_words_are_not_used_as_paths_and_are_escaped_in_the_log(
    gateway: Gateway,
) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    session = gateway.await_up(device)
    victim = gateway.folder / "victim"
    victim.write_text("precious")
    request: dict[str, Any] = {"schema": 1, "verb": "kill", "operator": "\ud800\x1b[31m"}

    path = as_runner(
        gateway, json.dumps({**request, "aims": [{**AIM, "node": "../../victim"}]}).encode()
    )
    kill = as_runner(
        gateway,
        json.dumps(
            {**request, "aims": [{**AIM, "node": device.node, "port": device.ports[0]}]}
        ).encode(),
    )

    assert json.loads(path)["outcomes"][0]["done"] is False
    assert victim.read_text() == "precious"
    assert json.loads(kill)["outcomes"][0]["done"] is True
    assert is_gone(session)
    assert gateway.await_event(EventKind.KILL, device).actor == "\\ud800\\x1b[31m"


def test_only_a_process_below_sshd_may_hold(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)

    speaker = gateway.python_as(
        gateway.mode.tunnel,
        SPEAK,
        str(gateway.layout.socket),
        f"gate|{device.node}|127.0.0.1 1|hold thief",
    )
    heard, _ = speaker.communicate(timeout=200)

    assert heard.splitlines()[1:4] == ["64", "", "hold must come through sshd"]
    assert "hold must come through sshd" in gateway.await_event(EventKind.REFUSED, device).text


def test_a_parent_that_only_bears_sshds_name_is_not_believed(gateway: Gateway) -> None:
    """The parent has sshd's name, but runs another program.

    A process that can imitate sshd in every respect has the tunnel user's rights already.
    """
    device = gateway.add(gateway.service().target)
    fake = f"import ctypes\nctypes.CDLL(None).prctl(15, b'sshd')\n{SPEAK}"

    speaker = gateway.python_as(
        gateway.mode.tunnel,
        fake,
        str(gateway.layout.socket),
        f"gate|{device.node}|127.0.0.1 1|hold thief",
    )
    heard, _ = speaker.communicate(timeout=200)

    assert heard.splitlines()[1:4] == ["64", "", "hold must come through sshd"]


def test_the_tunnel_user_cannot_replace_the_socket(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("the tunnel user runs the daemon here, and may")
    attempt = (
        "import os, sys\ntry:\n    os.rename(sys.argv[1], sys.argv[1] + '.x')\nexcept"
        " PermissionError:\n    print('denied')"
    )

    for path in (
        gateway.layout.socket,
        gateway.layout.spool,
        gateway.layout.run,
        gateway.layout.authorized_keys,
        gateway.layout.nodes,
    ):
        speaker = gateway.python_as(gateway.mode.tunnel, attempt, str(path))
        assert speaker.communicate(timeout=200)[0] == "denied\n", path
    assert gateway.layout.socket.exists()
