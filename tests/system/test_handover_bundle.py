"""Bundles with a new key or port: the device gets back in after every kind of upgrade."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import EventKind
from tests.bundles import Box
from tests.system.box_server import BoxServer, ssh_config
from tests.system.changes import key_is_rejected, ports_of, rekeyed
from tests.system.clients import Device
from tests.system.devices import (
    DROPBEAR,
    OPENSSH,
    Boxes,
    await_up,
    built,
    installed_and_up,
    kill,
    through,
)
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def fail_on_a_full_flash(box: Box, device: Device, file: Path) -> None:
    """Check that the upgrade fails if the flash is full at any of its steps."""
    for step in ("keys.old", "sh.old", "keys", "sh"):
        blocked = box.installed / f"{device.node}.{step}.new"
        blocked.mkdir()
        assert box.sh(file, "upgrade").returncode != 0, f"the flash is full when {step} is written"
        blocked.rmdir()


def test_only_a_good_upgrade_makes_the_new_key_the_only_one(gateway: Gateway, boxes: Boxes) -> None:
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
    fail_on_a_full_flash(box, device, newer)
    kill(gateway, device)
    second = await_up(gateway, device, box, after=first)
    assert not key_is_rejected(device), "the old key brought it back"

    assert box.sh(lost, "upgrade").returncode == 0
    until(
        lambda: (
            "going back to the old bundle" in box.log() or not lost_is_there(box.installed, device)
        ),
        "the upgrade is rolled back",
    )
    third = await_up(gateway, device, box, after=second)
    assert not key_is_rejected(device), "the old key brought it back again"

    assert box.sh(newer, "upgrade").returncode == 0
    await_up(gateway, device, box, after=third)
    until(lambda: key_is_rejected(device), "the old key opens nothing")
    until(
        lambda: not (box.installed / f"{device.node}.sh.old").exists(),
        "the new bundle is confirmed",
    )
    assert gateway.events(device, EventKind.CLONE) == ()
    assert box.sh(newer, "uninstall").returncode == 0


def lost_is_there(folder: Path, device: Device) -> bool:
    return "VERSION='8'" in (folder / f"{device.node}.sh").read_text()


def test_an_upgrade_through_the_old_port_moves_a_device_to_its_new_port(
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

        for _ in range(3):  # the tunnel keeps beating, once a second
            gateway.probe(device)
        assert gateway.await_up(device) == first, "a free new port must not end the tunnel"
        assert through(config, "cat >brought.sh", newer.read_text()).returncode == 0
        done = through(config, f"{' '.join(box.shell)} brought.sh upgrade")

        assert done.returncode == 0, done.stderr
        until(
            lambda: ports_of(gateway, device) == (moved.ports[0], None),
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
