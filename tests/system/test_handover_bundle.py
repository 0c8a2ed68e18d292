"""Bundles with a new key or port: whatever becomes of an upgrade, the device gets back in, and a
good one ends what was before.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import EventKind
from tests.system.box_server import BoxServer, ssh_config
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, await_up, built
from tests.system.harness import Gateway
from tests.system.test_bundle import installed_and_up, kill, through
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]


def refused(device: Device) -> bool:
    """Whether sshd takes the key no longer."""
    return "Permission denied" in device.ask("version").stderr


def place_of(gateway: Gateway, device: Device) -> tuple[int, int | None]:
    """The port of the node's forward, and the one that it moves to."""
    (forward,) = json.loads(gateway.ok("node", "show", device.node, "--json"))["node"]["forwards"]
    return forward["port"], forward["next_port"]


def rekeyed(gateway: Gateway, device: Device) -> Device:
    """The device with the key that waits."""
    config = gateway.folder / f"{device.node}-again.toml"
    gateway.ok("node", "rekey", device.node, "--client-config", str(config))
    return replace(device, config=config)


def test_a_new_key_is_the_only_one_after_a_good_upgrade_alone(
    gateway: Gateway, boxes: Boxes
) -> None:
    kit = DROPBEAR
    box = boxes(kit)
    device = gateway.add(gateway.service().target)
    first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
    renewed = rekeyed(gateway, device)
    newer = built(gateway, renewed, box, kit, name="newer.sh", VERSION="9")
    lost = built(
        gateway,
        renewed,
        box,
        kit,
        name="lost.sh",
        VERSION="8",
        TRIAL="3",
        FORWARDS=f"{gateway.port()}:127.0.0.1:9",
    )

    assert box.sh(newer, "check").returncode == 0
    for step in ("keys.old", "sh.old", "keys", "sh"):
        blocked = box.installed / f"{device.node}.{step}.new"
        blocked.mkdir()
        assert box.sh(newer, "upgrade").returncode != 0, (
            f"a flash that is full when {step} is written"
        )
        blocked.rmdir()
    kill(gateway, device)
    second = await_up(gateway, device, box, after=first)
    assert not refused(device), "the old key brought it back"

    assert box.sh(lost, "upgrade").returncode == 0
    until(
        lambda: (
            "going back to the old bundle" in box.log() or not lost_is_there(box.installed, device)
        ),
        "it is taken back",
    )
    third = await_up(gateway, device, box, after=second)
    assert not refused(device), "the old key brought it back once more"

    assert box.sh(newer, "upgrade").returncode == 0
    await_up(gateway, device, box, after=third)
    until(lambda: refused(device), "the old key opens nothing")
    until(
        lambda: not (box.installed / f"{device.node}.sh.old").exists(),
        "the new bundle is confirmed",
    )
    assert gateway.events(device, EventKind.CLONE) == ()
    assert box.sh(newer, "uninstall").returncode == 0


def lost_is_there(folder: Path, device: Device) -> bool:
    return "VERSION='8'" in (folder / f"{device.node}.sh").read_text()


def test_a_device_is_moved_through_the_port_that_it_leaves(
    gateway: Gateway, boxes: Boxes, tmp_path: Path
) -> None:
    kit = OPENSSH
    box = boxes(kit)
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0")
        first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
        moved = replace(device, ports=(gateway.port(),))
        gateway.ok("node", "move", device.node, str(moved.ports[0]))
        newer = built(gateway, device, box, kit, name="newer.sh", VERSION="9", TRIAL="30")
        config = ssh_config(tmp_path / "ssh_config", [machine.entry("box", port=device.ports[0])])
        assert f"FORWARDS={moved.ports[0]}:" in newer.read_text().replace("'", "")

        for _ in range(3):  # beats go on meanwhile, one a second
            gateway.probe(device)
        assert gateway.await_up(device) == first, (
            "nobody on the new port is no reason to leave the old one"
        )
        assert through(config, "cat >brought.sh", newer.read_text()).returncode == 0
        done = through(config, f"{' '.join(box.shell)} brought.sh upgrade")

        assert done.returncode == 0, done.stderr
        until(
            lambda: place_of(gateway, device) == (moved.ports[0], None),
            "the new port is the only one",
        )
        await_up(gateway, moved, box)
        until(
            lambda: not (box.installed / f"{device.node}.sh.old").exists(),
            "the new bundle is confirmed",
        )
        assert gateway.tunnel(moved).kills == 0
        assert box.sh(newer, "uninstall").returncode == 0
        box.await_nothing_left()
