"""A new key or port replaces the old one only once its device lives on it; both work until then."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checker.model import EventKind, Status
from tests.system.changes import key_is_rejected, node_up, ports_of, rekeyed
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def keys_of(gateway: Gateway, device: Device) -> int:
    """The number of the node's key lines."""
    node = json.loads(gateway.ok("node", "show", device.node, "--json"))["node"]
    return 1 + (node["next_key"] is not None)


def moved(gateway: Gateway, device: Device) -> Device:
    """Move the node's forward; return the device with its new port."""
    new = replace(device, ports=(gateway.port(),))
    gateway.ok("node", "move", device.node, str(new.ports[0]))
    return new


def test_requests_with_a_new_key_do_not_remove_the_old_one(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    renewed = rekeyed(gateway, device)

    for request in ("version", "check", f"{device.node} {device.ports[0]} SSH-2.0"):
        assert renewed.ask(request).returncode == 0
    gateway.probe(device)

    assert keys_of(gateway, device) == 2
    assert connection.beat() == 0
    assert gateway.tunnel(device).detail.startswith("old key still valid since 20")
    assert "old key still valid since 20" in gateway.ok("node", "show", device.node)
    connection.vanish()
    until(lambda: not accepts(device.ports[0]), "the port is free")
    assert renewed.verdict("claim", "another") == 0
    again = gateway.connect(device)
    assert again.beat() == 0, "the old key brings the tunnel back"


def test_a_tunnel_with_the_new_key_that_keeps_beating_removes_the_old_key(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    renewed = rekeyed(gateway, device)

    assert renewed.verdict("claim", "another") == 0, "the old key's tunnel gives way to the new key"
    connection.ended()
    again = gateway.connect(renewed, "hold", "another")
    gateway.await_up(device)
    assert keys_of(gateway, device) == 2
    with again.beating(0.5):
        until(lambda: key_is_rejected(device), "the old key opens nothing")

    assert again.beat() == 0
    assert keys_of(gateway, device) == 1
    until(lambda: gateway.probe(device) == "up", "the row is plainly up")
    assert "the new key was used, and is the only one now" in [
        event.text for event in gateway.events(device, EventKind.REGISTRY)
    ]


def test_a_new_key_that_claims_without_a_hold_ends_the_old_tunnel_only_once(
    gateway: Gateway,
) -> None:
    device, connection = node_up(gateway)
    before = gateway.await_up(device)
    renewed = rekeyed(gateway, device)

    assert renewed.verdict("claim", "another") == 0
    connection.ended()
    again = gateway.connect(device)
    session = gateway.await_up(device, after=before)

    assert renewed.verdict("claim", "another") > 0
    assert renewed.verdict("claim", "another") > 0
    assert again.beat() == 0
    assert gateway.await_up(device) == session


def test_a_second_device_with_the_old_key_is_still_a_clone(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    rekeyed(gateway, device)

    assert device.verdict("claim", "second") > 0

    assert connection.beat() == 0
    gateway.await_event(EventKind.CLONE, device)


def test_a_device_that_never_holds_keeps_both_keys_until_an_admin_ends_the_old_one(
    gateway: Gateway,
) -> None:
    device = gateway.add(gateway.service().target)
    renewed = rekeyed(gateway, device)
    gateway.connect_unheard(renewed)
    gateway.await_up(device)
    assert renewed.verdict(renewed.node, str(renewed.ports[0]), "SSH-2.0") == 0
    gateway.probe(device)
    assert keys_of(gateway, device) == 2

    gateway.ok("node", "rekey", device.node, "--now")

    assert key_is_rejected(device)
    assert keys_of(gateway, device) == 1
    gateway.connect_unheard(renewed)
    until(lambda: accepts(device.ports[0]), "the new key opens the port")


def test_a_new_daemon_learns_which_key_an_older_tunnel_used(
    own_gateway: Gateway,
) -> None:
    own_gateway.start_sshd()
    own_gateway.serve()
    device = own_gateway.add(own_gateway.service().target)
    renewed = rekeyed(own_gateway, device)
    own_gateway.kill_daemon()
    connection = own_gateway.connect(renewed)
    assert connection.beat() == 0, "without a daemon"
    assert keys_of(own_gateway, device) == 2

    own_gateway.serve()

    with connection.beating(0.5):
        until(lambda: key_is_rejected(device), "the old key opens nothing")


def test_a_moving_forward_keeps_its_old_port_until_its_device_uses_the_new_one(
    gateway: Gateway,
) -> None:
    device, connection = node_up(gateway)
    session = gateway.await_up(device)
    new = moved(gateway, device)

    with connection.beating(0.3):
        until(lambda: "moves to" in gateway.tunnel(device).detail, "the row shows the move")
        probed = {gateway.probe(device) for _ in range(3)}
    assert probed == {f"up: still on port {device.ports[0]}; moves to {new.ports[0]}"}
    assert connection.beat() == 0, "a free new port must not end the tunnel"
    assert device.verdict("check", str(device.ports[0])) == 0
    assert device.verdict("check", str(new.ports[0])) == 0
    assert gateway.await_up(device) == session
    assert gateway.tunnel(device).kills == 0

    assert device.verdict("claim", "first") == 0
    connection.ended()
    again = gateway.connect(new)
    with again.beating(0.5):
        until(
            lambda: ports_of(gateway, device) == (new.ports[0], None),
            "the new port is the only one",
        )
    assert again.beat() == 0
    gateway.await_up(new)
    assert gateway.connect(device).ended() == 255, "the old port is no longer the node's"
    assert f"its device listens on port {new.ports[0]}" in gateway.ok("log", "--node", device.node)


def test_a_device_without_hold_has_moved_once_its_new_port_answers(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect_unheard(device)
    gateway.await_up(device)
    new = moved(gateway, device)
    assert device.verdict(device.node, str(device.ports[0]), "SSH-2.0") == 0
    connection.vanish()
    until(lambda: not accepts(device.ports[0]), "the port is free")

    gateway.connect_unheard(new)

    until(lambda: ports_of(gateway, device) == (new.ports[0], None), "the new port is the only one")
    gateway.await_up(new)


def test_kill_and_reset_find_a_moving_forward_by_either_port(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    new = moved(gateway, device)

    gateway.ok("kill", "--yes", str(new.ports[0]))
    connection.ended()
    gateway.connect(device)
    session = gateway.await_up(device)
    gateway.ok("reset", "--yes", f"{device.node}:{device.ports[0]}")

    assert is_gone(session)


def test_undoing_a_move_spares_the_tunnel(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    new = moved(gateway, device)

    gateway.ok("node", "move", device.node, str(device.ports[0]))

    assert ports_of(gateway, device) == (device.ports[0], None)
    assert connection.beat() == 0
    assert gateway.connect(new).ended() == 255
    assert not list(gateway.layout.nodes.glob("*.next")) or device.node not in {
        p.stem for p in gateway.layout.nodes.glob("*.next")
    }


def test_a_port_that_no_tunnel_can_have_is_refused_before_any_change(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    taken = Stranger(gateway.port(), banner="220 mail\r\n") if gateway.mode.is_privileged else None
    try:
        wanted = (
            [("22", "sshd binds port 22 only for root")]
            if gateway.mode.tunnel.name != "root"
            else []
        )
        if taken is not None:
            wanted.append((str(taken.port), f"another program listens on port {taken.port} now"))
        for port, why in wanted:
            done = gateway.run("node", "move", device.node, port, "--now")
            assert done.returncode == 2
            assert why in done.stderr
            assert "nothing was changed" in done.stderr
        assert connection.beat() == 0
        assert gateway.await_status(device, Status.UP).kills == 0
        assert ports_of(gateway, device) == (device.ports[0], None)
    finally:
        if taken is not None:
            taken.close()
