"""Nodes come and go while the daemon runs, by command and by hand."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace

import pytest
import tomli_w

from checker.model import EventKind, Status
from checker.registry.last_good import record_path
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import Gateway, gateway_at
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_an_added_node_may_connect_at_once(gateway: Gateway) -> None:
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


def test_a_key_made_on_the_device_is_accepted(gateway: Gateway) -> None:
    own = gateway.add(gateway.service().target)
    public = gateway.folder / "device.pub"
    public.write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g device\n",
        encoding="ascii",
    )

    gateway.ok(
        "node",
        "add",
        "bring-your-own",
        "--forward",
        f"{gateway.port()}=127.0.0.1:9",
        "--public-key",
        str(public),
    )

    assert "reversi:bring-your-own" in gateway.layout.authorized_keys.read_text(encoding="ascii")
    assert own.verdict("check") in (0, 1)


def test_a_hand_edited_node_is_noticed(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    gateway.await_up(device)
    path = gateway.layout.nodes / f"{device.node}.toml"

    path.write_text(
        path.read_text(encoding="utf-8").replace("banner:SSH-2.0", "banner:220"), encoding="utf-8"
    )

    assert gateway.await_status(device, Status.WRONG).detail.startswith("expected banner:220")


def test_a_port_added_by_hand_may_be_used(gateway: Gateway) -> None:
    device = gateway.add(gateway.service().target)
    port = gateway.port()
    path = gateway.layout.nodes / f"{device.node}.toml"
    service = gateway.service()

    table = tomllib.loads(path.read_text(encoding="utf-8"))
    table["forward"].append(
        {"port": port, "target": f"127.0.0.1:{service.port}", "expect": "banner:SSH-2.0"}
    )
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    keys = gateway.layout.authorized_keys
    until(
        lambda: f"localhost:{port}" in keys.read_text(encoding="ascii"),
        "the key line names the port",
    )

    both = replace(
        device, ports=(*device.ports, port), targets=(*device.targets, f"127.0.0.1:{service.port}")
    )
    gateway.connect(both)
    gateway.await_up(both, 1)


@pytest.fixture
def own(usual: Mode) -> Iterator[Gateway]:
    """A gateway for one test: a file that it breaks disturbs no other test."""
    with gateway_at(usual) as found:
        found.start_sshd()
        found.serve()
        yield found


def broken_rows(gateway: Gateway) -> dict[str, str]:
    """The node of each broken file, and its status; such a gateway is never healthy."""
    shown = gateway.run("status", "--json")
    found = json.loads(shown.stdout)["broken"]
    assert shown.returncode == (1 if found else 0), shown.stdout
    return {one["node"]: one["detail"] for one in found}


def until_recorded(gateway: Gateway, device: Device) -> None:
    """Wait until the daemon has recorded the node as its file is now."""
    path = record_path(gateway.layout)
    until(
        lambda: path.exists() and f'"{device.node}"' in path.read_text(encoding="ascii"),
        "the daemon's record of the node",
    )


def test_a_copy_of_a_nodes_file_does_not_disturb_the_device(own: Gateway) -> None:
    device = own.add(own.service().target)
    own.connect(device)
    session = own.await_up(device)
    file = own.layout.nodes / f"{device.node}.toml"

    shutil.copy(file, file.with_name(f"{device.node}-old.toml"))

    text = own.await_event(EventKind.GATEWAY, replace(device, node=f"{device.node}-old")).text
    assert f"belongs to node {device.node}" in text
    assert list(broken_rows(own)) == [f"{device.node}-old"]
    assert not is_gone(session)
    assert device.verdict("check") == 0
    own.ok("node", "remove", f"{device.node}-old")
    assert device.verdict("check") == 0
    assert broken_rows(own) == {}


@pytest.mark.parametrize("daemon", ["running", "restarted", "killed"])
def test_a_device_with_an_unreadable_file_is_watched_and_answered_as_before(
    own: Gateway, daemon: str
) -> None:
    device = own.add(own.service().target)
    own.connect(device, "hold", "box")
    session = own.await_up(device)
    until_recorded(own, device)
    own.layout.nodes.joinpath(f"{device.node}.toml").write_text("public_key = ", encoding="ascii")
    if daemon == "running":
        assert "still has its rights as of" in own.await_event(EventKind.GATEWAY, device).text
    else:
        own.kill_daemon()
    if daemon == "restarted":
        own.serve()

    own.add(own.service().target)  # rewrites the key file

    assert device.verdict("check") == 0
    assert device.ask("check", "1").returncode == 77
    assert (
        "still has its rights as of"
        in json.loads(own.run("status", "--json", device.node).stdout)["broken"][0]["detail"]
    )
    assert not is_gone(session)


@pytest.mark.parametrize("has_moved", [False, True], ids=["old port", "new port"])
@pytest.mark.parametrize("daemon", ["running", "killed"])
def test_a_moving_device_stays_on_its_port_while_its_file_is_broken(
    own: Gateway, daemon: str, *, has_moved: bool
) -> None:
    device = own.add(own.service().target)
    until_recorded(own, device)
    moved = replace(device, ports=(own.port(),))
    own.ok("node", "move", device.node, str(moved.ports[0]))
    file = own.layout.nodes / f"{device.node}.toml"
    good = file.read_bytes()
    file.write_bytes(b"public_key = ")
    assert "still has its rights as of" in own.await_event(EventKind.GATEWAY, device).text
    record_path(own.layout).unlink(missing_ok=True)
    connection = own.connect(moved if has_moved else device, "hold", "box")
    own.await_status(device, Status.UP)
    if daemon == "killed":
        own.kill_daemon()
        (own.layout.run / "_sweep").unlink()

    assert [connection.beat() for _ in range(3)] == [0, 0, 0]
    assert moved.verdict("check") == 0
    if daemon == "running":
        file.write_bytes(good)
        with connection.beating(0.5):
            until(lambda: broken_rows(own) == {}, "the mended file is read")
            if has_moved:
                until(lambda: own.tunnel(moved).status is Status.UP, "the row shows the new port")


def test_a_device_with_an_unreadable_file_can_be_disabled_and_removed(own: Gateway) -> None:
    device = own.add(own.service().target)
    connection = own.connect(device)
    session = own.await_up(device)
    file = own.layout.nodes / f"{device.node}.toml"
    good = file.read_text(encoding="ascii")
    file.write_text(good + "oops", encoding="ascii")
    own.await_event(EventKind.GATEWAY, device)

    own.ok("node", "disable", device.node)

    assert connection.ended() != 0
    assert is_gone(session)
    assert "Permission denied" in device.ask("check").stderr
    file.write_text(file.read_text(encoding="ascii").removesuffix("oops"), encoding="ascii")
    until(lambda: broken_rows(own) == {}, "the mended file is read")
    assert "Permission denied" in device.ask("check").stderr
    file.write_text("oops", encoding="ascii")
    own.ok("node", "remove", device.node)
    assert not file.exists()
