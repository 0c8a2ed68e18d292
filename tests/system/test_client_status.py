"""The Python client's reports: its log, its status file, its exit status, and `check`."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ports import free_port
from tests.system.python_client import Client, Echo, needs_programs, running, talk
from tests.system.stub_gateway import DEADLINE_S, StubGateway, stub_gateway
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, needs_programs]


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[StubGateway]:
    with stub_gateway(tmp_path / "gateway", (port,)) as found:
        yield found


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGTERM, 0, id="TERM"), pytest.param(signal.SIGINT, 130, id="INT")],
)
def test_a_signal_ends_the_client(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo, number: signal.Signals, code: int
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        assert client.process is not None
        client.process.send_signal(number)

        assert client.process.wait(150) == code
        client.process = None
    report = client.ask("status")
    assert report.returncode == 1
    assert "stopped" in report.stdout


def test_a_signal_ends_the_client_while_the_gateway_hangs(
    tmp_path: Path, port: int, gateway: StubGateway
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with running(Client(tmp_path / "node", gateway, {port: 9}, gateway=[address])) as client:
            channel, _ = silent.accept()
            assert client.process is not None
            client.process.send_signal(signal.SIGTERM)

            assert client.process.wait(150) == 0
            client.process = None
            channel.close()


def test_a_dead_target_is_reported_once_and_the_tunnel_stays(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    target = free_port()

    with running(Client(tmp_path / "node", gateway, {port: target})) as client:
        client.says("up:")
        assert [talk(port, b"x") for _ in range(3)] == [b"", b"", b""]
        client.says(
            f"target 127.0.0.1:{target} cannot be reached: connection refused; the tunnel stays up"
        )
        service = Echo(target)
        assert talk(port, b"x") == b"hello\nx"
        service.close()
        client.says(f"target 127.0.0.1:{target} can be reached again")

        assert len(client.lines("cannot be reached")) == 1
        assert len(gateway.asked("hold")) == 1


def instances(gateway: StubGateway) -> set[str]:
    return {request.split()[1] for request, _pid in gateway.asked("")}


def test_a_killed_client_comes_back_as_the_same_instance(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    client = Client(tmp_path / "node", gateway, {port: echo.port})
    with running(client):
        client.says("up:")
        client.end(signal.SIGKILL)
    report = client.ask("status")
    with running(client):
        client.says("up:", times=2)

    assert "not running; its last state was" in report.stdout
    assert len(instances(gateway)) == 1


def test_a_second_client_is_another_instance_and_does_not_touch_the_status_file(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    first = Client(tmp_path / "node", gateway, {port: echo.port})
    with running(first):
        first.says("up:")
        pid = json.loads(first.ask("status", "--json").stdout)["pid"]
        second = Client(tmp_path / "node", gateway, {port: echo.port})
        second.log = tmp_path / "second.log"
        with running(second):
            second.says("another client (PID")
            second.says("the gateway denies")

        status = json.loads(first.ask("status", "--json").stdout)
        assert (status["pid"], status["state"], status["running"]) == (pid, "up", True)
    assert len(instances(gateway)) == 2


def test_only_its_owner_can_read_the_status_file(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        until(lambda: client.ask("status").returncode == 0, "the status is up")

        assert stat.S_IMODE((client.home / "office.toml.status").stat().st_mode) == 0o600


def test_systemd_is_notified_when_the_client_is_ready(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(f"\0reversi-test-{os.getpid()}")
        supervisor.settimeout(DEADLINE_S)
        client = Client(tmp_path / "node", gateway, {port: echo.port})
        heard: list[str] = []
        with running(client, NOTIFY_SOCKET=f"@reversi-test-{os.getpid()}", WATCHDOG_USEC="400000"):
            while not {"READY=1", "WATCHDOG=1"} <= set(heard):
                heard += supervisor.recv(4096).decode().splitlines()
        while "STOPPING=1" not in heard:
            heard += supervisor.recv(4096).decode().splitlines()

    assert f"STATUS=up via 127.0.0.1:{gateway.port}" in heard


@pytest.mark.parametrize(
    ("wait_s", "code"), [pytest.param(0, 0, id="well"), pytest.param(7, 1, id="ill")]
)
def test_check_asks_the_gateway_once(
    tmp_path: Path, gateway: StubGateway, port: int, wait_s: int, code: int
) -> None:
    gateway.answer(check=wait_s)
    client = Client(tmp_path / "node", gateway, {port: 9})

    asked = client.ask("check", "--json")

    assert asked.returncode == code, asked.stderr
    document = {
        "schema": 1,
        "node": "office",
        "gateway": f"127.0.0.1:{gateway.port}",
        "wait_s": wait_s,
        "up": wait_s == 0,
    }
    assert json.loads(asked.stdout) == document


def test_check_reports_an_unreachable_gateway(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    away = f"127.0.0.1:{free_port()}"
    client = Client(tmp_path / "node", gateway, {port: 9}, gateway=[away])

    asked = client.ask("check")

    assert asked.returncode == 3
    assert asked.stderr.startswith(f"reversi-client: error: office: {away}: ")


def test_a_status_file_that_cannot_be_written_is_reported_once(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    client = Client(tmp_path / "node", gateway, {port: echo.port}, status_file="nowhere/at/all")

    with running(client):
        client.says("up:")

    assert len(client.lines("cannot be written")) == 1
