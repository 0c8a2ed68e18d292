"""Bundles with two gateways that share one list of pinned host keys: real clients, real sshds."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import Box
from tests.client.bundle.samples import changed, forms_of
from tests.system.devices import DROPBEAR, OPENSSH, SCALED, Boxes, Kit
from tests.system.python_client import Echo, needs_programs
from tests.system.stub_gateway import StubGateway, stub_gateway
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.shell, needs_programs]
EACH_CLIENT = pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])


@pytest.fixture
def gateways(tmp_path: Path, port: int) -> Iterator[list[StubGateway]]:
    """Two gateways with host keys of one type. The first does not know the node yet."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(stub_gateway(tmp_path / name, (port,))) for name in ("one", "two")
        ]


def bundle(box: Box, kit: Kit, gateways: list[StubGateway], port: int, echo: Echo) -> Path:
    """Write the second gateway's node, with its pins first, and those of the first one last."""
    settings = {name.lower(): value for name, value in SCALED.items()}
    settings |= {"root": str(box.root), "started_by": "cron", "client": kit.client}
    return box.write(
        render(
            changed(
                gateways=tuple(f"127.0.0.1:{one.port}" for one in gateways),
                user=gateways[0].user,
                forwards=(f"{port}:127.0.0.1:{echo.port}",),
                host_keys=tuple(" ".join(one.host_key.split()[:2]) for one in reversed(gateways)),
                key=forms_of(gateways[-1].home / "node"),
                settings={**settings, "setup": "30", "auth_wait": "1"},
            )
        )
    )


def know_the_node(one: StubGateway, two: StubGateway, port: int) -> None:
    """Let the first gateway accept the node, too."""
    one.node_key = two.node_key
    one.permit((port,))


@EACH_CLIENT
def test_each_gateway_may_have_another_key_of_the_list(
    boxes: Boxes, gateways: list[StubGateway], port: int, echo: Echo, kit: Kit
) -> None:
    """At the first, the right pin is found, and then the login is refused: that must leave the
    second all of its turns.
    """
    box, (one, two) = boxes(kit), gateways
    home, guest = (f"127.0.0.1:{gateway.port}" for gateway in gateways)
    box.start(bundle(box, kit, gateways, port, echo))
    assert box.await_state("up")["gateway"] == guest, box.log()
    assert "ost key" not in box.log()

    know_the_node(one, two, port)
    two.stop()

    until(lambda: f"up, at {home}" in box.log(), "it is up at home")
    assert box.stop() == 0


@EACH_CLIENT
def test_it_moves_even_while_somebody_is_connected_through_its_forward(
    boxes: Boxes, gateways: list[StubGateway], port: int, echo: Echo, kit: Kit
) -> None:
    """Each client would stay as long as he does. No gateway ends the connection here."""
    box, (one, two) = boxes(kit), gateways
    know_the_node(one, two, port)
    box.start(bundle(box, kit, gateways, port, echo))
    assert box.await_state("up")["gateway"] == f"127.0.0.1:{one.port}", box.log()

    with socket.create_connection(("127.0.0.1", port), 150) as visitor:
        assert visitor.recv(6) == b"hello\n"
        (one.home / "drains").touch()

        until(lambda: f"up, at 127.0.0.1:{two.port}" in box.log(), "it is up elsewhere")
        assert visitor.recv(1) == b""
    assert "this gateway drains" in box.log()
    assert box.stop() == 0
