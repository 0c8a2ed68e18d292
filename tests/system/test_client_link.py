"""The Python client against a real sshd: how it connects, reconnects, and chooses a gateway."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.ports import free_port
from tests.system.python_client import Client, Echo, needs_programs, running, talk
from tests.system.stub_gateway import StubGateway, make_key, stub_gateway
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, needs_programs]


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[StubGateway]:
    with stub_gateway(tmp_path / "gateway", (port,)) as found:
        yield found


@contextlib.contextmanager
def blocked(port: int) -> Iterator[None]:
    """Take a port of the gateway on each address of localhost."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", port)))
        with contextlib.suppress(OSError):
            stack.enter_context(socket.create_server(("::1", port), family=socket.AF_INET6))
        yield


def test_the_client_comes_up_and_carries_both_directions(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    body = os.urandom(300_000)

    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says(f"reversi-client: office: up: 1 forward via 127.0.0.1:{gateway.port}")

        assert talk(port, body) == b"hello\n" + body
    assert not gateway.asked("claim"), "nothing of this client can be stale there"
    assert client.lines("stopped")


def test_a_client_that_held_last_claims_with_the_same_instance(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        gateway.stop()
        gateway.start()
        client.says("up:", times=2)

    claim, hold = gateway.asked("claim")[0][0], gateway.asked("hold")[0][0]
    assert claim.split()[1] == hold.split()[1]


def test_the_client_sends_no_ignore_packets(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        talk(port, b"x" * 100_000)
        until(lambda: gateway.beats() > 1, "beats")
    log = (gateway.home / "sshd.log").read_text()

    assert "receive packet: type 98" in log
    assert "SSH2_MSG_IGNORE" not in log


def test_a_healthy_client_stays_on_one_connection(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        until(lambda: gateway.beats() > 4, "five beats")

    assert len(gateway.asked("hold")) == 1
    assert not gateway.asked("claim")


def test_a_denied_port_is_reported_and_the_other_stays_up(
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


def test_a_denied_port_that_becomes_free_is_taken_at_the_next_verdict(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    """sshd binds every address of localhost that it can, and denies a port only if none is free."""
    taken = free_port()
    with (
        contextlib.ExitStack() as blockers,
        stub_gateway(tmp_path / "gateway", (port, taken)) as gateway,
    ):
        blockers.enter_context(blocked(taken))
        with running(
            Client(tmp_path / "node", gateway, {port: echo.port, taken: echo.port})
        ) as client:
            client.says(f"the gateway denies port {taken}")
            client.says("up: 1 of 2")
            blockers.close()
            gateway.answer(verdict=1)

            client.says(f"the gateway listens on port {taken} now")
            gateway.answer(verdict=0)
            # if another beat came before that, the client connects again
            until(lambda: talk(taken, b"x") == b"hello\nx", "the port carries")


def test_a_client_with_all_ports_denied_claims_again(
    tmp_path: Path, gateway: StubGateway, echo: Echo
) -> None:
    denied = free_port()

    with running(Client(tmp_path / "node", gateway, {denied: echo.port})) as client:
        until(lambda: len(gateway.asked("claim")) > 1, "a second claim")

        assert client.lines(f"the gateway denies port {denied}")
        assert not gateway.asked("hold")


def test_a_client_whose_hold_hangs_reconnects(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        os.kill(gateway.asked("hold")[0][1], signal.SIGSTOP)

        client.says("the connection hangs: no answer to a beat")
        client.says("up:", times=2)
        assert talk(port, b"x") == b"hello\nx"


def test_a_bad_verdict_makes_the_client_reconnect(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        gateway.answer(verdict=1)
        client.says("the tunnel does not work and asks to wait 1 s")
        gateway.answer(verdict=0)

        client.says("up:", times=2)


def test_a_claim_that_is_put_off_is_repeated(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    gateway.answer(claim=1)

    client = Client(tmp_path / "node", gateway, {port: echo.port})
    with contextlib.ExitStack() as stack:
        with blocked(port):
            stack.enter_context(running(client))
            client.says("the gateway asks to wait 1 s")
            gateway.answer(claim=0)
        client.says("up:")


def test_the_client_reconnects_when_its_gateway_is_back(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(Client(tmp_path / "node", gateway, {port: echo.port})) as client:
        client.says("up:")
        gateway.stop()
        client.says("next try")
        gateway.start()

        client.says("up:", times=2)


def test_a_wrong_host_key_is_refused(tmp_path: Path, gateway: StubGateway, port: int) -> None:
    other = make_key(tmp_path / "other")

    with running(Client(tmp_path / "node", gateway, {port: 9}, host_key=[other])) as client:
        client.says("the host key does not match the pinned one")

    assert not gateway.asked("")


def test_each_pinned_host_key_is_accepted(tmp_path: Path, gateway: StubGateway, port: int) -> None:
    other = make_key(tmp_path / "other")

    with running(
        Client(tmp_path / "node", gateway, {port: 9}, host_key=[other, gateway.host_key])
    ) as client:
        client.says("up:")


def test_a_rejected_key_is_reported_and_retried_only_minutes_later(
    tmp_path: Path, gateway: StubGateway, port: int
) -> None:
    client = Client(tmp_path / "node", gateway, {port: 9})
    (client.home / "office.key").unlink()
    make_key(client.home / "office.key")

    with running(client):
        client.says("does not accept this node's key; next try in 3")
    assert client.ask("check").returncode == 3


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


def test_a_gateways_name_is_resolved(
    tmp_path: Path, gateway: StubGateway, port: int, echo: Echo
) -> None:
    with running(
        Client(tmp_path / "node", gateway, {port: echo.port}, gateway=[f"localhost:{gateway.port}"])
    ) as client:
        client.says(f"up: 1 forward via localhost:{gateway.port}")
