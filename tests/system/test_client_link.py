"""The Python client against a real sshd: what it connects, what it drops, what it says."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.stub_gateway import (
    DEADLINE_S,
    SSHD,
    StubGateway,
    eventually,
    free_port,
    make_key,
    stub_gateway,
)

MISSING = [program for program in (str(SSHD), "ssh-keygen") if not shutil.which(program)]
pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(
        bool(MISSING) and not os.environ.get("CI"), reason=f"missing: {', '.join(MISSING)}"
    ),
]


class Echo:
    """A service on the node's side: greets, then gives back what it gets."""

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
        self.thread.join(5)


class Client:
    """A `reversi-client run` in a process of its own."""

    def __init__(
        self, home: Path, gateway: StubGateway, forwards: dict[int, int], /, **settings: object
    ) -> None:
        self.home, self.config, self.log = home, home / "office.toml", home / "client.log"
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
        return subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )

    def lines(self, text: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if text in line]

    def says(self, text: str, times: int = 1) -> None:
        try:
            eventually(
                lambda: len(self.lines(text)) >= times, f"the log has {text!r} {times} times"
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.process = None
        return code


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[StubGateway]:
    with stub_gateway(tmp_path / "gateway", (port,)) as found:
        yield found


@pytest.fixture
def echo() -> Iterator[Echo]:
    service = Echo()
    yield service
    service.close()


@contextlib.contextmanager
def running(client: Client, **environment: str) -> Iterator[Client]:
    client.start(**environment)
    try:
        yield client
    finally:
        if client.process is not None:
            client.process.send_signal(signal.SIGCONT)
            client.end()


CLOSED = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN})


def talk(port: int, text: bytes) -> bytes:
    """What comes back through the tunnel; empty for a closed connection."""
    with socket.create_connection(("127.0.0.1", port), 5) as channel:
        channel.settimeout(5)
        received = b""
        try:
            channel.sendall(text)
            channel.shutdown(socket.SHUT_WR)
            while part := channel.recv(65536):
                received += part
        except OSError as error:
            if error.errno not in CLOSED:
                raise
        return received


def test_it_comes_up_and_carries_both_directions(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    body = os.urandom(300_000)

    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says(f"reversi-client: office: up: 1 forward via 127.0.0.1:{gateway.port}")

        assert talk(port, body) == b"hello\n" + body
    claim, hold = gateway.asked("claim")[0][0], gateway.asked("hold")[0][0]
    assert claim.split()[1] == hold.split()[1]
    assert client.lines("stopped")


def test_no_packet_is_sent_that_says_nothing(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        talk(port, b"x" * 100_000)
        eventually(lambda: gateway.beats() > 1, "beats")
    log = (gateway.home / "sshd.log").read_text()

    assert "receive packet: type 98" in log
    assert "SSH2_MSG_IGNORE" not in log


def test_it_stays_on_one_connection_while_all_is_well(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        eventually(lambda: gateway.beats() > 4, "five beats")

    assert len(gateway.asked("claim")) == len(gateway.asked("hold")) == 1


def test_a_denied_port_is_named_and_the_other_one_stays(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    denied = free_port()

    with running(
        Client(tmp_path / "node", gateway, {port: echo.port, denied: echo.port})
    ) as client:
        client.says(f"the gateway denies port {denied}")
        client.says("up: 1 of 2 forwards")

        assert talk(port, b"x") == b"hello\nx"
        status = client.ask("status", "--json")
        assert {
            entry["port"]: entry["state"] for entry in json.loads(status.stdout)["forwards"]
        } == {port: "listening", denied: "denied"}
        assert status.returncode == 1


def test_a_port_that_becomes_free_is_taken_at_the_next_verdict(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    """sshd listens on each address of localhost that it can get: only a port taken on all of them
    is denied.
    """
    taken = free_port()
    with (
        contextlib.ExitStack() as blockers,
        stub_gateway(tmp_path / "gateway", (port, taken)) as gateway,
    ):
        blockers.enter_context(socket.create_server(("127.0.0.1", taken)))
        with contextlib.suppress(OSError):
            blockers.enter_context(socket.create_server(("::1", taken), family=socket.AF_INET6))
        with running(
            Client(tmp_path / "node", gateway, {port: echo.port, taken: echo.port})
        ) as client:
            client.says(f"the gateway denies port {taken}")
            client.says("up: 1 of 2")
            blockers.close()
            gateway.answer(verdict=1)

            client.says(f"the gateway listens on port {taken} now")
            gateway.answer(verdict=0)
            assert talk(taken, b"x") == b"hello\nx"


def test_all_ports_denied_means_to_claim_again(
    tmp_path: Path, gateway: StubGateway, echo: Echo
) -> None:
    denied = free_port()

    with running(Client(tmp_path / "node", gateway, {denied: echo.port})) as client:
        eventually(lambda: len(gateway.asked("claim")) > 1, "a second claim")

        assert client.lines(f"the gateway denies port {denied}")
        assert not gateway.asked("hold")


def test_a_hold_that_hangs_is_left_and_taken_up_anew(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        os.kill(gateway.asked("hold")[0][1], signal.SIGSTOP)

        client.says("the connection hangs: no answer to a beat")
        client.says("up:", times=2)
        assert talk(port, b"x") == b"hello\nx"


def test_a_bad_verdict_brings_a_new_connection(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        gateway.answer(verdict=1)
        client.says("the tunnel does not work and asks to wait 1 s")
        gateway.answer(verdict=0)

        client.says("up:", times=2)


def test_a_claim_that_is_put_off_is_made_again(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    gateway.answer(claim=1)

    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("the gateway asks to wait 1 s")
        gateway.answer(claim=0)
        client.says("up:")


def test_a_gateway_that_restarts_gets_its_node_back(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        gateway.stop()
        client.says("next try")
        gateway.start()

        client.says("up:", times=2)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGTERM, 0, id="TERM"), pytest.param(signal.SIGINT, 130, id="INT")],
)
def test_a_signal_ends_it_within_two_seconds(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo, number: signal.Signals, code: int
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        assert client.process is not None
        client.process.send_signal(number)

        assert client.process.wait(2) == code
        client.process = None
    report = client.ask("status")
    assert report.returncode == 1
    assert "stopped" in report.stdout


def test_a_signal_ends_it_while_the_gateway_hangs(
    tmp_path: Path, port: int, gateway: StubGateway
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with running(Client(tmp_path / "node", gateway, {port: 9}, gateway=[address])) as client:
            channel, _ = silent.accept()
            assert client.process is not None
            client.process.send_signal(signal.SIGTERM)

            assert client.process.wait(2) == 0
            client.process = None
            channel.close()


def test_another_host_key_is_refused(tmp_path: Path, gateway: StubGateway, port: int) -> None:
    other = make_key(tmp_path / "other")

    with running(Client(tmp_path / "node", gateway, {port: 9}, host_key=[other])) as client:
        client.says("the host key does not match the pinned one")

    assert not gateway.asked("claim")


def test_any_of_the_pinned_host_keys_will_do(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    other = make_key(tmp_path / "other")

    with running(
        Client(tmp_path / "node", gateway, {port: 9}, host_key=[other, gateway.host_key])
    ) as client:
        client.says("up:")


def test_a_key_that_is_not_accepted_is_said_and_not_tried_over_and_over(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    client = Client(tmp_path / "node", gateway, {port: 9})
    (client.home / "office.key").unlink()
    make_key(client.home / "office.key")

    with running(client):
        client.says("does not accept this node's key; next try in 3")
    assert client.ask("check").returncode == 3


def test_a_target_that_is_gone_is_said_once_and_the_tunnel_stays(
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


def test_the_second_gateway_is_tried_when_the_first_is_away(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    away = f"127.0.0.1:{free_port()}"
    here = f"127.0.0.1:{gateway.port}"

    with running(
        Client(tmp_path / "node", gateway, {port: echo.port}, gateway=[away, here])
    ) as client:
        client.says(f"{away}: ")
        client.says(f"up: 1 forward via {here}")


def test_a_name_is_resolved(tmp_path: Path, gateway: StubGateway, port: int, echo: Echo) -> None:
    with running(
        Client(tmp_path / "node", gateway, {port: echo.port}, gateway=[f"localhost:{gateway.port}"])
    ) as client:
        client.says(f"up: 1 forward via localhost:{gateway.port}")


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
    assert len({request for request, _pid in gateway.asked("claim")}) == 1


def test_a_second_client_is_another_instance_and_leaves_the_status_file(
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
    assert len({request for request, _pid in gateway.asked("claim")}) == 2


def test_the_status_file_is_for_its_owner_alone(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        eventually(lambda: client.ask("status").returncode == 0, "status says up")

        assert stat.S_IMODE((client.home / "office.toml.status").stat().st_mode) == 0o600


def test_systemd_hears_when_it_is_ready(
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
def test_check_asks_once(
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


def test_check_says_that_the_gateway_is_away(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    away = f"127.0.0.1:{free_port()}"
    client = Client(tmp_path / "node", gateway, {port: 9}, gateway=[away])

    asked = client.ask("check")

    assert asked.returncode == 3
    assert asked.stderr.startswith(f"reversi-client: error: office: {away}: ")


def test_a_status_file_that_can_not_be_written_is_said_once(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    client = Client(tmp_path / "node", gateway, {port: echo.port}, status_file="nowhere/at/all")

    with running(client):
        client.says("up:")

    assert len(client.lines("cannot be written")) == 1
