"""Start a daemon, ask it over its socket, and read its events."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.model import Port
from checker.registry.key_lines import GateCommand
from checker.state.store import open_reader

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")
WITHIN_S = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running daemon, and the port of its node `office`."""

    layout: Layout
    port: Port
    process: subprocess.Popen[str]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def start(layout: Layout, first: str = "pass") -> subprocess.Popen[str]:
    program = f"import signal, sys; from checker.cli.main import main; {first}; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "--home", str(layout.home), "serve"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def send(layout: Layout, message: bytes) -> bytes:
    with closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(WITHIN_S)
        peer.connect(str(layout.socket))
        peer.sendall(message)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65536):
            answer += part
        return answer


def events(layout: Layout) -> list[str]:
    with closing(open_reader(layout.state)) as reader:
        return [event.text for event in reader.events()]
