"""A node gets one more forward, and loses one, while its tunnel lives."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checker.model import EventKind, Status, parse_forward
from tests.system.changes import node_up
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.ports import accepts
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def forwards_of(gateway: Gateway, device: Device) -> dict[int, bool]:
    """The node's ports, and whether each leaves."""
    node = json.loads(gateway.ok("node", "show", device.node, "--json"))["node"]
    return {forward["port"]: forward["leaves_at"] is not None for forward in node["forwards"]}


def test_a_forward_comes_and_goes_with_the_devices_configuration(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    session = gateway.await_up(device)
    port, forward = gateway.port(), gateway.service().target
    target = str(parse_forward(forward).target)
    wider = replace(device, ports=(*device.ports, port), targets=(*device.targets, target))
    second = replace(device, ports=(port,), targets=(target,))

    gateway.ok("node", "forward", "add", device.node, f"{port}={forward}")

    gateway.await_status(second, Status.DOWN)
    assert [connection.beat() for _ in range(3)] == [0, 0, 0], "the tunnel as it is stays"
    assert gateway.await_up(device) == session
    connection.vanish()
    until(lambda: not accepts(device.ports[0]), "the port is free")
    connection = gateway.connect(wider)
    assert connection.beat() == 0
    gateway.await_status(second, Status.UP)

    gateway.ok("node", "forward", "remove", device.node, str(port))

    until(lambda: "is removed once its device" in gateway.tunnel(second).detail, "the row says it")
    with connection.beating(0.5):
        gateway.probe(device)
        assert forwards_of(gateway, device) == {device.ports[0]: False, port: True}
        assert gateway.probe(second).startswith("up: ")
    connection.vanish()
    until(lambda: not accepts(port), "the port is free")
    again = gateway.connect(wider)
    with again.beating(0.5):
        gateway.await_status(second, Status.UP)
        gateway.probe(device)
        assert port in forwards_of(gateway, device), "its device still asks for it"
    again.vanish()
    until(lambda: not accepts(port), "the port is free")
    narrow = gateway.connect(device)
    assert narrow.beat() == 0
    with narrow.beating(0.5):
        until(
            lambda: gateway.probe(device) == "up" and port not in forwards_of(gateway, device),
            "the forward is gone",
        )
        assert f":{port}" not in gateway.layout.authorized_keys.read_text(encoding="ascii")

    assert narrow.beat() == 0
    assert "its device no longer listens there, so the forward was removed" in [
        event.text for event in gateway.events(device, EventKind.REGISTRY)
    ]
