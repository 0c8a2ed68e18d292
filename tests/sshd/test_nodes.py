"""Nodes come and go while the daemon runs, by command and by hand."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
import tomli_w

from checker.model import Status
from tests.sshd.harness import Gateway
from tests.sshd.seen import is_gone
from tests.sshd.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]


def test_a_node_may_come_at_once_when_it_is_added(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)

    connection = gateway.connect(device)

    assert connection.beat() == 0
    gateway.await_status(device, Status.UP)


def test_a_removed_node_loses_its_tunnel_and_its_key(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)

    gateway.ok("node", "remove", device.node)

    assert connection.ended() != 0
    assert is_gone(session)
    refused = device.ask("check")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr
    assert device.node not in gateway.layout.authorized_keys.read_text(encoding="ascii")
    until(lambda: gateway.tunnel(device).probed_at is None, "its row is forgotten")


def test_a_key_made_on_the_device_is_taken(gateway: Gateway) -> None:
    own = gateway.add(gateway.service().target)
    public = gateway.folder / "device.pub"
    public.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g device\n", encoding="ascii")

    gateway.ok("node", "add", "bring-your-own", "--forward", f"{gateway.port()}=127.0.0.1:9", "--public-key", str(public))

    assert "reversi:bring-your-own" in gateway.layout.authorized_keys.read_text(encoding="ascii")
    assert own.verdict("check") in (0, 1)


def test_a_hand_edited_node_is_noticed(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    gateway.await_up(device)
    path = gateway.layout.nodes / f"{device.node}.toml"

    path.write_text(path.read_text(encoding="utf-8").replace("banner:SSH-2.0", "banner:220"), encoding="utf-8")

    assert gateway.await_status(device, Status.WRONG).detail.startswith("expected banner:220")


def test_a_port_that_was_added_by_hand_may_be_used(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    port = gateway.port()
    path = gateway.layout.nodes / f"{device.node}.toml"
    service = gateway.service()

    table = tomllib.loads(path.read_text(encoding="utf-8"))
    table["forward"].append({"port": port, "target": f"127.0.0.1:{service.port}", "expect": "banner:SSH-2.0"})
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    keys = gateway.layout.authorized_keys
    until(lambda: f"localhost:{port}" in keys.read_text(encoding="ascii"), "the key line names the port")

    both = replace(device, ports=(*device.ports, port), targets=(*device.targets, f"127.0.0.1:{service.port}"))
    gateway.connect(both)
    gateway.await_up(both, 1)
