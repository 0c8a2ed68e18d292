"""How people write the loopback in `-R`: what the real sshd takes, and what it binds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from checker.linux.sockets import read_listeners
from checker.model import EventKind, Port
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@contextmanager
def plain_ssh(device: Device, where: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `ssh -R` with the node's key, as a person would type it."""
    asked = f"{where.format(port=device.ports[0])}:{device.targets[0]}"
    with subprocess.Popen(
        device.ssh("-N", "-R", asked), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def addresses(port: int) -> set[str]:
    return {listener.address for listener in read_listeners().get(Port(port), ())}


@pytest.mark.parametrize(
    ("where", "bound"),
    [
        pytest.param("{port}", {"127.0.0.1", "::1"}, id="no address"),
        pytest.param("localhost:{port}", {"127.0.0.1", "::1"}, id="localhost"),
        pytest.param("127.0.0.1:{port}", {"127.0.0.1"}, id="IPv4"),
        pytest.param("[::1]:{port}", {"::1"}, id="IPv6"),
    ],
)
def test_each_spelling_of_the_loopback_opens_the_nodes_port_there_only(
    gateway: Gateway, where: str, bound: set[str]
) -> None:
    device = gateway.add(gateway.service().target)

    with plain_ssh(device, where):
        until(lambda: gateway.probe(device) == "up", "the tunnel is up")
        assert addresses(device.ports[0]) == bound


@pytest.mark.parametrize("where", ["*:{port}", ":{port}", "0.0.0.0:{port}"])
def test_every_address_is_refused_to_a_private_forward_and_the_event_says_what_to_do(
    gateway: Gateway, where: str
) -> None:
    device = gateway.add(gateway.service().target)

    with plain_ssh(device, where) as process:
        assert process.wait(150) == 255

    assert addresses(device.ports[0]) == set()
    until(
        lambda: any(
            "leave the address out of -R, or run: " in event.text
            for event in gateway.events(device, EventKind.REFUSED)
        ),
        "the refusal says what to change",
    )
