"""Clients of several gateways: what a silent one costs, and where they begin after a loss."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, await_up, built
from tests.system.harness import Gateway
from tests.system.python_client import Client, Echo, needs_programs, running
from tests.system.stub_gateway import StubGateway, stub_gateway

pytestmark = [pytest.mark.sshd, needs_programs]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that answers no SYN, as that of a dead machine: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = int(listener.getsockname()[1])
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield port


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_a_bundle_leaves_a_silent_gateway_before_its_next_beat(
    gateway: Gateway, boxes: Boxes, kit: Kit
) -> None:
    """A beat comes each hour: nothing but a time limit of its own takes it to the next gateway."""
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    with silent_port() as port:
        order = ("--gateway", f"127.0.0.1:{port}", "--gateway", f"127.0.0.1:{gateway.ssh_port}")
        file = built(gateway, device, box, kit, *order, BEAT="3600", CONNECT="2")

        box.start(file)
        await_up(gateway, device, box)

        assert box.state(device.node)["gateway"] == f"127.0.0.1:{gateway.ssh_port}"
        box.stop()


def test_the_python_client_leaves_a_silent_gateway_and_comes_home_after_a_loss(
    tmp_path: Path, port: int, echo: Echo
) -> None:
    with (
        stub_gateway(tmp_path / "home", (port,)) as home,
        stub_gateway(tmp_path / "guest", (port,)) as guest,
        silent_port() as silent,
    ):
        share_keys(home, guest)
        order = [f"127.0.0.1:{silent}", *(f"127.0.0.1:{one.port}" for one in (home, guest))]
        home.stop()
        client = Client(
            tmp_path / "node",
            guest,
            {port: echo.port},
            gateway=order,
            host_key=[home.host_key, guest.host_key],
            connect_timeout_s=1,
        )
        with running(client):
            client.says(f"127.0.0.1:{silent}: no connection within 0.5 s; next try now")
            client.says(f"up: 1 forward via 127.0.0.1:{guest.port}")
            home.start()
            guest.stop()

            client.says(f"up: 1 forward via 127.0.0.1:{home.port}")


def share_keys(*gateways: StubGateway) -> None:
    """Let each gateway accept the last one's node."""
    key = gateways[-1].node_key
    for gateway in gateways:
        gateway.node_key = key
        gateway.permit(gateway.permitted)
