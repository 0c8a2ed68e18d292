"""The forced command against a socket: what it sends, prints and runs.

`tests/system/test_requests.py` runs it under a real sshd, `tests/system/shell/test_bare.py` without
packages.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psutil
import pytest

from checker import gate
from checker.daemon.gate_messages import decode_asked, encode_reply
from checker.linux.unix_socket import listen
from checker.wire import MALFORMED, Asked, Reply, refusal

WITHIN_S = 100.0
MESSAGE = Asked(node="office", peer="192.0.2.1 5", command="check 20010")


def start(home: Path, *options: str) -> subprocess.Popen[str]:
    environ = {
        "SSH_ORIGINAL_COMMAND": "check 20010",
        "SSH_CONNECTION": "192.0.2.1 5 192.0.2.9 22",
        "PATH": os.environ["PATH"],
    }
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(gate.__file__), "--home", str(home), *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=WITHIN_S)
    return process.returncode, out, err


def message_of(peer: socket.socket) -> bytes:
    return b"".join(iter(lambda: peer.recv(65536), b""))


@contextmanager
def daemon(home: Path, answer: Callable[[bytes], bytes]) -> Iterator[None]:
    """Something that answers one connection, as the daemon does."""
    with listen(home / "checker.sock") as listener:
        listener.settimeout(WITHIN_S)

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(answer(message_of(peer)))

        thread = Thread(target=serve)
        thread.start()
        yield
        thread.join(WITHIN_S)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(Reply(answer="7"), (0, "7\n", ""), id="answer"),
        pytest.param(
            refusal("not yours", MALFORMED), (64, "0\n", "reversi: not yours\n"), id="complaint"
        ),
        pytest.param(
            Reply(answer="", becomes=("/bin/echo", "the", "beat loop")),
            (0, "the beat loop\n", ""),
            id="program",
        ),
    ],
)
def test_the_daemons_reply_is_printed_or_run(
    tmp_path: Path, reply: Reply, expected: tuple[int, str, str]
) -> None:
    seen: list[bytes] = []

    def answer(message: bytes) -> bytes:
        seen.append(message)
        return b".\n" + encode_reply(reply)

    with daemon(tmp_path, answer):
        assert outcome(start(tmp_path, "--node", "office")) == expected

    assert [decode_asked(message) for message in seen] == [MESSAGE]


def test_it_waits_for_room_in_the_queue_of_a_busy_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "checker.sock"))
        listener.listen(0)
        listener.settimeout(WITHIN_S)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(tmp_path / "checker.sock"))
            waiting = start(tmp_path, "--node", "office")
            while not waits_in(waiting, tmp_path):
                assert waiting.poll() is None, waiting.communicate()
            listener.accept()[0].close()
            peer, _ = listener.accept()
            with peer:
                assert decode_asked(message_of(peer)) == MESSAGE
                peer.sendall(b".\n" + encode_reply(Reply(answer="7")))

    assert outcome(waiting) == (0, "7\n", "")


def waits_in(process: subprocess.Popen[str], home: Path) -> bool:
    """Whether it sleeps, and has opened the directory of the socket to which it connects."""
    try:
        opened = [path.readlink() for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    except FileNotFoundError:
        return False  # it closed one meanwhile
    return home in opened and psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING


@pytest.mark.parametrize("options", [(), ("--node",), ("--key", "new")])
def test_a_command_line_without_a_node_is_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, out, err = outcome(start(tmp_path, *options))

    assert (code, out) == (64, "")
    assert err.startswith("usage: gate.py")
