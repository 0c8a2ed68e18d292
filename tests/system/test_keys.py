"""Keys and nodes change while tunnels live: what the real sshd accepts, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import EventKind, Status
from tests.system.changes import key_is_rejected, node_up, rekeyed
from tests.system.harness import Gateway
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_a_key_replaced_at_once_opens_nothing_and_its_tunnel_is_ended(
    gateway: Gateway,
) -> None:
    device, connection = node_up(gateway)
    session = gateway.await_up(device)

    renewed = rekeyed(gateway, device, "--now", "--key-type", "rsa", "--keep-key")

    assert connection.ended() != 0
    assert is_gone(session)
    assert key_is_rejected(device)
    gateway.connect(renewed)
    gateway.await_up(device)
    kept = gateway.layout.nodes / f"{device.node}.key"
    assert kept.read_bytes() == renewed.key.read_bytes()
    assert f"is in {kept}" in gateway.ok("node", "show", device.node)


def test_a_disabled_node_is_locked_out_until_it_is_enabled(gateway: Gateway) -> None:
    device, connection = node_up(gateway)

    gateway.ok("node", "disable", device.node)

    assert connection.ended() != 0
    assert key_is_rejected(device)
    assert gateway.await_status(device, Status.UNKNOWN).detail == "disabled"
    assert gateway.run("status", device.node).returncode == 0, "a disabled node is not a failure"
    gateway.ok("node", "enable", device.node)
    gateway.connect(device)
    assert gateway.await_status(device, Status.UP).detail == ""


def test_a_node_disabled_by_hand_loses_its_tunnel(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    path = gateway.layout.nodes / f"{device.node}.toml"

    path.write_text(f"enabled = false\n{path.read_text(encoding='utf-8')}", encoding="utf-8")

    assert connection.ended() != 0
    until(lambda: key_is_rejected(device), "its key line is gone")


def test_an_expired_key_is_refused_by_sshd(gateway: Gateway) -> None:
    device, connection = node_up(gateway)

    gateway.ok("node", "expire", device.node, "2001-01-01")

    assert connection.ended() != 0
    assert key_is_rejected(device)
    assert 'expiry-time="20010101"' in gateway.layout.authorized_keys.read_text(encoding="ascii")
    gateway.ok("node", "expire", device.node, "2099-01-01")
    assert device.verdict("check") in (0, 1)
    gateway.ok("node", "expire", device.node, "never")
    assert device.verdict("check") in (0, 1)


def test_a_renamed_node_keeps_its_port_key_tunnel_and_history(gateway: Gateway) -> None:
    device, connection = node_up(gateway)
    session = gateway.await_up(device)
    lobby = replace(device, node=f"{device.node}-lobby")

    gateway.ok("node", "rename", device.node, lobby.node)

    until(lambda: gateway.tunnel(lobby).session == session, "the row goes on under the new name")
    assert connection.beat() == 0
    assert lobby.verdict("check") == 0
    assert gateway.await_status(lobby, Status.UP).session == session
    texts = [
        event["text"]
        for event in json.loads(gateway.ok("log", "--json", "--node", lobby.node))["events"]
    ]
    assert any(text.startswith("instance first connected") for text in texts)
    assert f"renamed from {device.node} to {lobby.node}" in texts
    assert lobby.verdict("claim", "first") == 0, "its next connection counts as the same instance"
    connection.ended()
    gateway.connect(lobby)
    gateway.await_up(lobby)


def test_a_forward_moved_at_once_loses_its_old_port_and_gets_the_new_one(
    gateway: Gateway,
) -> None:
    device, connection = node_up(gateway)
    moved = replace(device, ports=(gateway.port(),))

    gateway.ok("node", "move", device.node, str(moved.ports[0]), "--now")

    assert connection.ended() != 0
    assert gateway.connect(device).ended() == 255, "the old port is no longer the node's"
    gateway.connect(moved)
    gateway.await_up(moved)


def test_a_changed_expectation_is_probed(gateway: Gateway) -> None:
    device, connection = node_up(gateway)

    gateway.ok("node", "set", device.node, "--expect", "banner:220", "--deadline", "0.5")
    until(
        lambda: gateway.probe(device).startswith("wrong: expected banner:220"),
        "the new expectation is probed",
    )
    gateway.ok("node", "set", device.node, "--expect", "banner:SSH-2.0", "--deadline", "default")

    until(lambda: gateway.probe(device) == "up", "the old expectation is probed")
    assert connection.beat() == 0


def test_a_newcomer_with_a_cloned_key_waits_longer_each_time(
    gateway: Gateway, tmp_path: Path
) -> None:
    device, connection = node_up(gateway)

    assert [device.verdict("claim", "second") for _ in range(5)] == [10, 20, 40, 60, 60]

    assert connection.beat() == 0
    detail = "its key is on two devices: instance first from 127.0.0.1, and second from 127.0.0.1"
    until(lambda: detail in gateway.ok("node", "show", device.node), "the warning is shown")
    assert gateway.tunnel(device).detail == detail
    assert gateway.tunnel(device).status is Status.UP
    gateway.ok("node", "rekey", device.node, "--now", "--client-config", str(tmp_path / "new.toml"))
    until(
        lambda: gateway.tunnel(device).detail == "nobody listens",
        "the warning about the old key is gone",
    )


def test_two_devices_that_take_turns_are_reported(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)

    for instance in ("first", "second", "first"):
        assert device.verdict("claim", instance) == 0
        connection = gateway.connect(device, "hold", instance)
        assert connection.beat() == 0
        connection.vanish()
        until(lambda: not accepts(device.ports[0]), "the port is free")

    assert "two devices take turns" in gateway.await_event(EventKind.CLONE, device).text
    assert "its key is on two devices" in gateway.tunnel(device).detail


def test_without_a_daemon_a_change_ends_the_tunnel_and_is_logged(own_gateway: Gateway) -> None:
    own_gateway.start_sshd()
    device = own_gateway.add(own_gateway.service().target)
    connection = own_gateway.connect(device)
    assert connection.beat() == 0

    own_gateway.ok("node", "disable", device.node)

    assert connection.ended() != 0
    assert key_is_rejected(device)
    assert [event.text for event in own_gateway.events(device, EventKind.REGISTRY)][
        -1
    ] == "disabled"
    own_gateway.ok("node", "enable", device.node)
    renewed = rekeyed(own_gateway, device)
    assert renewed.ask("version").returncode == 0
    own_gateway.serve()
    with own_gateway.connect(renewed).beating(0.5):
        until(lambda: key_is_rejected(device), "a daemon removes the old key")
