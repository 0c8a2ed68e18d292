"""A gateway with `AddressFamily inet6`: `-R` listens only on ::1, and is probed and freed there."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from checker.model import EventKind, Status
from tests.system.accounts import Mode
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import LISTENER, Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as trial:
        return trial.connect_ex(("::1", 9)) != errno.EADDRNOTAVAIL


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    """One gateway for the module, without any listener on IPv4."""
    if not has_ipv6():
        pytest.skip("this machine has no ::1")
    with gateway_at(usual, host="::1") as found:
        found.start_sshd(more="AddressFamily inet6\n")
        found.serve()
        yield found


def test_a_tunnel_on_ipv6_is_up_and_its_beats_are_answered(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)

    connection = gateway.connect(device)
    until(lambda: accepts(device.ports[0], "::1"), "it listens on ::1")

    assert gateway.probe(device) == "up"
    assert not accepts(device.ports[0])
    assert device.verdict("check") == 0
    assert device.verdict(device.node, str(device.ports[0])) == 0, "the original's request"
    gateway.await_up(device)
    assert connection.beat() == 0


def test_a_hung_tunnel_is_killed_and_comes_back(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    until(
        lambda: accepts(device.ports[0], "::1") and gateway.probe(device) == "up",
        "the tunnel is up",
    )
    session = gateway.await_up(device)

    connection.freeze()

    until(lambda: is_gone(session), "the session ended")
    assert gateway.await_event(EventKind.KILL, device).text.startswith(
        f"killed sshd process {session.pid}, the port is free; hung"
    )
    gateway.connect(device)
    until(
        lambda: accepts(device.ports[0], "::1") and gateway.probe(device) == "up",
        "the tunnel is up again",
    )


def test_another_program_on_the_ipv6_address_is_foreign_and_never_touched(gateway: Gateway) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("a listener of another uid needs root")
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")
    stranger = Stranger(device.ports[0], host="::1")
    try:
        assert gateway.probe(device) == "foreign: the port is held by a process of uid 0 on ::1"
        assert gateway.await_status(device, Status.FOREIGN).verdict == 60
        assert device.verdict("claim", "first") == 0, (
            "a usual sshd would still listen on 127.0.0.1: the node may try"
        )
        assert gateway.run("kill", device.node).returncode == 1
        assert stranger.lives
    finally:
        stranger.close()


def test_a_program_of_the_tunnel_user_on_the_ipv6_address_is_foreign(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")
    stranger = gateway.python_as(gateway.mode.tunnel, LISTENER, "::1", str(device.ports[0]), "")
    until(lambda: accepts(device.ports[0], "::1"), "it listens")

    assert gateway.probe(device).startswith(
        f"foreign: the port is held by process {stranger.pid} (python"
    )
    assert stranger.poll() is None


def test_a_node_that_never_connected_is_down(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9,banner:SSH-2.0")

    assert gateway.probe(device) == "down: nobody listens"
    assert device.verdict("check") == 1


def test_without_a_daemon_checks_probe_the_ipv6_address_too(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0], "::1"), "it listens on ::1")

    gateway.kill_daemon()
    try:
        assert device.verdict("check") == 0
    finally:
        gateway.serve()
