"""Clients as devices run them: OpenSSH and dropbear in a plain pipeline, and our own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import asyncssh
import psutil
import pytest

from checker import __version__
from checker.model import EventKind, Status
from tests.programs import require, run_program
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.processes import end_all, still_there
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
PIPELINE = (
    "while sleep 0.3; do echo; done | {client} hold pipe | while read -r verdict; do echo"
    ' "$verdict" >>{heard}; done'
)


class Running:
    """A client with all of its processes."""

    def __init__(self, words: Sequence[str], folder: Path) -> None:
        self.heard = folder / "heard"
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        with (folder / "client.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def all(self) -> list[psutil.Process]:
        """The processes, the first one first."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def client(self, name: str) -> psutil.Process:
        """The process of that name."""

        def fact() -> psutil.Process | None:
            for process in self.all():
                with suppress(psutil.NoSuchProcess):
                    if process.name() == name:
                        return process
            return None

        return until(fact, f"{name} runs")

    def verdicts(self) -> list[str]:
        return self.heard.read_text(encoding="ascii").split() if self.heard.exists() else []

    def close(self) -> None:
        if self.process.poll() is None:
            processes = self.all()
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGCONT)
            end_all(processes)
        self.process.wait()


@pytest.fixture
def running() -> Iterator[list[Running]]:
    """Clients that a test starts; they end with it."""
    found: list[Running] = []
    yield found
    for one in found:
        one.close()


def words_of(name: str, device: Device) -> list[str]:
    require("sh", "sleep", name)
    if name == "dbclient":
        require("dropbearconvert")
        return device.dbclient(*device.forwards())
    return device.ssh("-T", *device.forwards())


@pytest.mark.parametrize(
    ("name", "shell"), [("ssh", "dash"), ("dbclient", "busybox"), ("ssh", "bash")]
)
def test_a_plain_pipeline_holds_a_tunnel_and_is_killed_when_it_hangs(
    gateway: Gateway, running: list[Running], tmp_path: Path, name: str, shell: str
) -> None:
    require(shell)
    device = gateway.add(gateway.service().target)
    script = PIPELINE.format(
        client=shlex.join(words_of(name, device)), heard=shlex.quote(str(tmp_path / "heard"))
    )
    pipeline = Running([shell, *(["ash"] if shell == "busybox" else []), "-c", script], tmp_path)
    running.append(pipeline)
    session = gateway.await_up(device)
    until(lambda: len(pipeline.verdicts()) >= 3, "three beats are answered")
    assert set(pipeline.verdicts()) == {"0"}
    client = pipeline.client(name)

    client.send_signal(signal.SIGSTOP)
    gateway.probe(device)

    until(lambda: is_gone(session), "the session ended")
    client.send_signal(signal.SIGCONT)
    until(lambda: not still_there(client), "the client ended")


def test_our_client_holds_a_tunnel_and_comes_back_after_it_hung(
    gateway: Gateway, running: list[Running], tmp_path: Path
) -> None:
    device = gateway.add(gateway.service().target)
    client = Running(
        [sys.executable, "-m", "client", "run", "--config", str(device.config)], tmp_path
    )
    running.append(client)
    session = gateway.await_up(device)
    held = gateway.await_registered(device)
    assert held.client == f"reversi-{__version__}/asyncssh-{asyncssh.__version__}"

    client.process.send_signal(signal.SIGSTOP)
    gateway.probe(device)
    until(lambda: is_gone(session), "the session ended")
    gateway.await_status(device, Status.DOWN)
    client.process.send_signal(signal.SIGCONT)

    gateway.await_up(device, after=session)
    client.process.terminate()
    assert client.process.wait(150) == 0


def test_our_client_takes_its_own_stale_port_over(
    gateway: Gateway, running: list[Running], tmp_path: Path
) -> None:
    device = gateway.add(gateway.service().target)
    stale = Running(
        [sys.executable, "-m", "client", "run", "--config", str(device.config)], tmp_path
    )
    running.append(stale)
    session = gateway.await_up(device)
    stale.process.send_signal(signal.SIGSTOP)

    fresh = Running(
        [sys.executable, "-m", "client", "run", "--config", str(device.config)], tmp_path
    )
    running.append(fresh)

    gateway.await_up(device, after=session)
    assert is_gone(session)
    assert gateway.events(device, EventKind.KILL)


def test_our_clients_check_asks_once(gateway: Gateway, tmp_path: Path) -> None:
    device = gateway.add(gateway.service().target)
    words = [sys.executable, "-m", "client", "check", "--config", str(device.config)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    before = run_program(words, env=environment)
    gateway.connect(device)
    gateway.await_up(device)
    after = run_program(words, env=environment)

    assert (before.returncode, after.returncode) == (1, 0), before.stderr + after.stderr
