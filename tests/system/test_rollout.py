"""A fleet moves from one address of its gateway to another, each device through its own tunnel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.model import NodeName, Status
from checker.registry.pin_files import read_pins
from tests.client.bundle.samples import as_released, made_key
from tests.programs import run_program
from tests.system.accounts import Mode
from tests.system.clients import Device
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.mounted_device import MountedDevice

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of one's own takes root"),
]
NAMES = ("attic", "barn", "cellar")
ENTRY = "import sys; from client.cli import main; sys.exit(main())"
NEW_NAME, NEW_ADDRESS = "new.gateway.test", "127.0.0.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A gateway with two addresses, and three devices that know only the first.

    `attic` has a bundle of 0.1.0, `cellar` dropbear.
    """

    gateway: Gateway
    admin: Path
    devices: dict[str, MountedDevice]
    nodes: dict[str, Device]

    def build(self, node: Device, client: str) -> str:
        file = self.gateway.folder / f"{node.node}.sh"
        done = self.client(
            *("build", node.node, "--private-key", str(node.key), "--output", str(file)),
            *("--beat", "1", "--client", client),
        )
        assert done.returncode == 0, done.stderr
        return file.read_text()

    def client(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_program(
            [sys.executable, "-c", ENTRY, *words, "--home", str(self.gateway.home)], cwd=Path.cwd()
        )

    def rollout(self, *words: str) -> subprocess.CompletedProcess[str]:
        known = self.gateway.folder / "known_hosts"
        return self.client(
            *("rollout", "--all", "--gateway", f"{NEW_NAME}:{self.gateway.ssh_port}"),
            *("--user", "root", "--ssh-option", f"IdentityFile={self.admin}"),
            *("--ssh-option", f"UserKnownHostsFile={known}"),
            *("--ssh-option", "HashKnownHosts=no", *words),
        )

    def handed_out(self, name: str) -> int:
        """How many sets of pinned host keys the device may have."""
        return len(read_pins(self.gateway.layout, NodeName(name)))

    def gateway_of(self, name: str) -> str:
        """The gateway that the device's tunnel goes to."""
        return self.devices[name].run(f"sh /etc/reversi/{name}.sh status").stdout


@pytest.fixture(scope="module")
def scene(usual: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("rollout")
    admin = made_key(folder)
    with ExitStack() as stack:
        gateway = stack.enter_context(gateway_at(usual, policy=FAST))
        gateway.start_sshd(more=f"ListenAddress {NEW_ADDRESS}:{gateway.ssh_port}\n")
        gateway.serve()
        devices = {
            name: stack.enter_context(
                closing(MountedDevice(folder / name, admin, dropbear=name == "cellar"))
            )
            for name in NAMES
        }
        nodes = {
            name: gateway.add(f"127.0.0.1:{device.port},banner:SSH-2.0", name=name)
            for name, device in devices.items()
        }
        found = Scene(gateway=gateway, admin=admin, devices=devices, nodes=nodes)
        for name, device in devices.items():
            client = "dbclient" if name == "cellar" else "ssh"
            text = found.build(nodes[name], client)
            device.ok("cat >/tmp/bundle.sh", as_released(text) if name == "attic" else text)
            device.ok("sh /tmp/bundle.sh install && rm -f /tmp/bundle.sh")
        yield found


def rows(table: str) -> dict[str, str]:
    """The result of each device."""
    return {line.split()[0]: line for line in table.splitlines()[1:]}


def test_a_fleet_is_pointed_to_another_address_and_a_failure_stays_where_it_was(
    scene: Scene,
) -> None:
    first = {name: scene.gateway.await_up(node) for name, node in scene.nodes.items()}
    for name in ("attic", "cellar"):
        scene.devices[name].knows(NEW_NAME, NEW_ADDRESS)

    shown = scene.rollout("--dry-run")
    done = scene.rollout("--at-once", "2")

    assert shown.returncode == 0, shown.stderr
    assert [line.split()[2:4] for line in shown.stdout.splitlines()[1:]] == [
        ["would", "upgrade"]
    ] * 3
    assert done.returncode == 1, done.stderr
    found = rows(done.stdout)
    assert [" upgraded " in found[name] for name in NAMES] == [True, False, True], done.stdout
    assert "the installed bundle stays" in found["barn"]
    assert "2 upgraded, 1 failed" in done.stderr
    assert scene.gateway.await_up(scene.nodes["barn"]) == first["barn"]
    assert "gateway: 127.0.0.1:" in scene.gateway_of("barn")
    for name in ("attic", "cellar"):
        assert f"gateway: {NEW_NAME}:" in scene.gateway_of(name)
        script = scene.devices[name].ok(f"cat /etc/reversi/{name}.sh")
        assert {"BEAT=1", "KEY=embed"} <= set(script.splitlines())
        assert scene.devices[name].ok("ls /tmp") == ""
    assert [scene.handed_out(name) for name in NAMES] == [1, 2, 1]
    log = scene.gateway.ok("log", "--node", "attic")
    assert "rollout: copy a bundle, and upgrade" in log

    scene.devices["barn"].knows(NEW_NAME, NEW_ADDRESS)
    again = scene.rollout()

    assert again.returncode == 0, again.stdout + again.stderr
    assert " upgraded " in rows(again.stdout)["barn"]
    assert "2 same" in again.stderr
    assert f"gateway: {NEW_NAME}:" in scene.gateway_of("barn")
    assert scene.handed_out("barn") == 1
    known = (scene.gateway.folder / "known_hosts").read_text()
    assert {line.split()[0] for line in known.splitlines()} == set(NAMES)


def test_three_failures_in_a_row_leave_the_others_alone(scene: Scene) -> None:
    last = scene.gateway.add(f"127.0.0.1:{scene.devices['attic'].port},banner:SSH-2.0", name="dock")
    scene.gateway.connect(last)
    sessions = {name: scene.gateway.await_up(node) for name, node in scene.nodes.items()}
    scene.gateway.await_up(last)

    done = scene.rollout("--again", "--user", "nobody")

    assert done.returncode == 1
    found = rows(done.stdout)
    assert all("Permission denied" in found[name] for name in NAMES), done.stdout
    assert "not started" in found["dock"]
    assert "stopped after 3 failures in a row" in done.stderr
    for name, node in scene.nodes.items():
        assert scene.gateway.await_up(node) == sessions[name]


def test_a_device_that_is_not_up_is_left_out(scene: Scene) -> None:
    scene.devices["barn"].close()
    scene.gateway.await_status(scene.nodes["barn"], Status.DOWN)

    done = scene.rollout("--again", "--dry-run")

    assert "skipped" in rows(done.stdout)["barn"]
    assert "is down, not up" in rows(done.stdout)["barn"]
    assert "1 skipped, 3 would upgrade" in done.stderr
