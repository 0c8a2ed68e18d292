"""The Python client in a process of its own, and the service that its tunnel leads to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.programs import run_program
from tests.system.stub_gateway import DEADLINE_S, SSHD, StubGateway
from tests.system.waiting import until

MISSING = [program for program in (str(SSHD), "ssh-keygen") if not shutil.which(program)]
needs_programs = pytest.mark.skipif(
    bool(MISSING) and not os.environ.get("CI"), reason=f"missing: {', '.join(MISSING)}"
)


P = TypeVar("P", bound="Process")


class Echo:
    """A service on the node's side: it greets, then returns what it receives."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self.listener.getsockname()[1])
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                channel, _ = self.listener.accept()
                threading.Thread(target=self.echo, args=(channel,), daemon=True).start()

    @staticmethod
    def echo(channel: socket.socket) -> None:
        with channel, contextlib.suppress(OSError):
            channel.sendall(b"hello\n")
            while received := channel.recv(65536):
                channel.sendall(received)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(150)


class Process:
    """`reversi-client run` in a process of its own, with this file."""

    def __init__(self, config: Path) -> None:
        self.config, self.log = config, config.parent / "client.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.inside: tuple[str, ...] = ()

    def start(self, **environment: str) -> None:
        with self.log.open("ab") as log:
            command = [
                *self.inside,
                sys.executable,
                "-m",
                "client",
                "run",
                "--config",
                str(self.config),
            ]
            self.process = subprocess.Popen(command, stderr=log, env={**os.environ, **environment})

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [
            *self.inside,
            sys.executable,
            "-m",
            "client",
            *words,
            "--config",
            str(self.config),
        ]
        return run_program(command, timeout=DEADLINE_S)

    def lines(self, text: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if text in line]

    def says(self, text: str, times: int = 1) -> None:
        try:
            until(lambda: len(self.lines(text)) >= times, f"the log has {text!r} {times} times")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.process = None
        return code


class Client(Process):
    """The same, with a file that is made for it."""

    def __init__(
        self, home: Path, gateway: StubGateway, forwards: dict[int, int], /, **settings: object
    ) -> None:
        self.home = home
        super().__init__(home / "office.toml")
        home.mkdir(exist_ok=True)
        shutil.copy(gateway.home / "node", home / "office.key")
        values: dict[str, object] = {
            "node": "office",
            "gateway": [f"127.0.0.1:{gateway.port}"],
            "user": gateway.user,
            "host_key": [gateway.host_key],
            "key": "office.key",
            "check_every_s": 0.3,
            "answer_deadline_s": 1.5,
            "connect_timeout_s": 5,
            **settings,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        for port, target in forwards.items():
            lines += ["[[forward]]", f"port = {port}", f'target = "127.0.0.1:{target}"']
        self.config.write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def running(client: P, **environment: str) -> Iterator[P]:
    client.start(**environment)
    try:
        yield client
    finally:
        if client.process is not None:
            client.process.send_signal(signal.SIGCONT)
            client.end()


CLOSED = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNREFUSED})


def talk(port: int, text: bytes) -> bytes:
    """Send a text through the tunnel; return what comes back, empty if the connection is closed, or
    refused.
    """
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as channel:
            channel.sendall(text)
            channel.shutdown(socket.SHUT_WR)
            while part := channel.recv(65536):
                received += part
    except OSError as error:
        if error.errno not in CLOSED:
            raise
    return received
