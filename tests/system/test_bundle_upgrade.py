"""Bundles upgraded and installed through their own tunnel, and rolled back when they fail."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.box_server import BoxServer, ssh_config
from tests.system.devices import (
    DROPBEAR,
    OPENSSH,
    Boxes,
    Kit,
    await_up,
    built,
    installed_and_up,
    through,
)
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.mark.parametrize("kit", [OPENSSH, DROPBEAR], ids=["openssh", "dropbear"])
def test_an_upgrade_through_the_tunnel_that_it_replaces_is_confirmed_by_a_good_verdict(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, kit: Kit
) -> None:
    box = boxes(kit)
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0")
        first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
        newer = built(gateway, device, box, kit, name="newer.sh", VERSION="9", TRIAL="30")
        config = ssh_config(tmp_path / "ssh_config", [machine.entry("box", port=device.ports[0])])

        brought = through(config, "cat >brought.sh", newer.read_text())
        done = through(config, f"{' '.join(box.shell)} brought.sh upgrade")

        assert brought.returncode == 0, brought.stderr
        assert done.returncode == 0, done.stderr
        assert "replacing the tunnel; the old bundle comes back" in done.stderr
        await_up(gateway, device, box, after=first)
        until(
            lambda: not (box.installed / f"{device.node}.sh.old").exists(),
            "the upgrade is confirmed",
        )
        assert "VERSION='9'" in (box.installed / f"{device.node}.sh").read_text()
        assert through(config, f"{' '.join(box.shell)} brought.sh status").stdout.startswith(
            f"{device.node}: up for"
        )
        assert box.sh(newer, "upgrade").stderr.endswith("this bundle is installed already\n")
        assert box.sh(newer, "uninstall").returncode == 0
        box.await_nothing_left()


@pytest.mark.parametrize("terminal", ["-tt", "-T"])
def test_an_install_through_the_tunnel_that_it_ends_completes(
    gateway: Gateway, boxes: Boxes, tmp_path: Path, terminal: str
) -> None:
    kit = OPENSSH
    box = boxes(kit)
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        device = gateway.add(f"127.0.0.1:{machine.port},banner:SSH-2.0")
        first = installed_and_up(gateway, device, box, built(gateway, device, box, kit))
        file = built(gateway, device, box, kit, name="newer.sh", VERSION="9")
        config = ssh_config(tmp_path / "ssh_config", [machine.entry("box", port=device.ports[0])])
        command = f"{' '.join(box.shell)} {shlex.quote(file.name)}"

        subprocess.run(
            ["ssh", "-F", str(config), terminal, "box", f"{command} install"],
            check=False,
            timeout=200,
            capture_output=True,
        )
        await_up(gateway, device, box, after=first)
        subprocess.run(
            ["ssh", "-F", str(config), terminal, "box", f"{command} uninstall"],
            check=False,
            timeout=200,
            capture_output=True,
        )

        until(
            lambda: not (box.installed / f"{device.node}.sh").exists(), "the bundle is uninstalled"
        )
        box.await_nothing_left()


@pytest.mark.parametrize(
    ("verb", "stays"),
    [("upgrade", "the installed bundle stays"), ("install", "nothing was installed")],
)
def test_a_new_bundle_without_a_tunnel_is_rolled_back(
    gateway: Gateway, boxes: Boxes, verb: str, stays: str
) -> None:
    box = boxes(DROPBEAR)
    device = gateway.add(gateway.service().target)
    older = built(gateway, device, box, DROPBEAR)
    first = installed_and_up(gateway, device, box, older)
    before = (box.installed / f"{device.node}.sh").read_text()
    key = (box.installed / f"{device.node}.keys").read_text()
    newer = built(
        gateway,
        device,
        box,
        DROPBEAR,
        name="newer.sh",
        GATEWAYS="127.0.0.1:1",
        TRIAL="5",
        KEY_DROPBEAR="another",
    )

    refused = box.sh(newer, verb)
    done = box.sh(newer, verb, "--offline")

    assert refused.returncode == 2
    assert stays in refused.stderr
    assert done.returncode == 0, done.stderr
    until(
        lambda: (box.installed / f"{device.node}.sh").read_text() != before,
        "the newer bundle is installed",
    )
    assert "another" in (box.installed / f"{device.node}.keys").read_text()
    until(
        lambda: (box.installed / f"{device.node}.sh").read_text() == before,
        "the older bundle is back",
    )
    assert (box.installed / f"{device.node}.keys").read_text() == key
    await_up(gateway, device, box, after=first)
    assert box.sh(older, "uninstall").returncode == 0
    box.await_nothing_left()
