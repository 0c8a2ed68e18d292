"""Devices that run a bundle: a shell, an SSH client, and the bundle that we build for them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.control.client import Control
from checker.model import Aim, NodeName, Port, ProcessId, Verb
from tests.bundles import SHELLS, Box
from tests.programs import run_program
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.network import DEVICE, Network
from tests.system.waiting import until

SCALED = {"BEAT": "1", "RETRY": "2"}
"""A tenth of a bundle's real times; its other times are counted in beats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A shell, and the programs on its PATH."""

    shell: tuple[str, ...]
    client: str
    only_busybox: bool = False


DROPBEAR = Kit(shell=SHELLS["ash"], client="dbclient", only_busybox=True)
OPENSSH = Kit(shell=SHELLS["dash"], client="ssh")
KITS = [
    pytest.param(OPENSSH, id="dash-openssh"),
    pytest.param(DROPBEAR, id="ash-busybox-dropbear"),
    pytest.param(Kit(shell=SHELLS["bash"], client="ssh"), id="bash-openssh"),
    pytest.param(Kit(shell=SHELLS["mksh"], client="ssh"), id="mksh-openssh"),
    pytest.param(Kit(shell=SHELLS["yash"], client="dbclient"), id="yash-dropbear"),
]


def built(
    gateway: Gateway,
    device: Device,
    box: Box,
    kit: Kit,
    *options: str,
    name: str = "bundle.sh",
    **settings: str,
) -> Path:
    """Build the device's bundle with `reversi-client build`, and change settings in its header."""
    file = box.folder / name
    words = [
        "build",
        device.node,
        "--home",
        str(gateway.home),
        "--output",
        str(file),
        "--client",
        kit.client,
        "--no-scan",  # the gateway may be in a network that we cannot reach
        *options,
    ]
    if "device" not in options:
        words += ["--private-key", str(device.key)]
    entry = "import sys; from client.cli import main; sys.exit(main())"
    done = run_program([sys.executable, "-c", entry, *words], cwd=Path.cwd())
    assert done.returncode == 0, done.stderr
    text = file.read_text()
    for setting, value in {
        **SCALED,
        "ROOT": str(box.root),
        "STARTED_BY": "cron",
        **settings,
    }.items():
        text, count = re.subn(rf"(?m)^{setting}=('[^']*'|.*)$", f"{setting}='{value}'", text)
        assert count == 1
    file.write_text(text)
    return file


def start_far(
    net: Network, far_gateway: Gateway, box: Box, kit: Kit, target: int, **settings: str
) -> Device:
    """Start the device's bundle in the third namespace, and wait until it is up."""
    device = far_gateway.add(f"127.0.0.1:{target},open")
    _, *words = net.inside(DEVICE)
    box.start(
        built(far_gateway, device, box, kit, **settings),
        inside=[shutil.which("nsenter") or "nsenter", *words],
    )
    box.await_state("up", device.node)
    return device


def await_up(
    gateway: Gateway, device: Device, box: Box, *, after: ProcessId | None = None
) -> ProcessId:
    try:
        return gateway.await_up(device, after=after)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{box.log()}\n{box.state(device.node)}") from None


def kill(gateway: Gateway, device: Device) -> None:
    """Kill the tunnel as an operator does; again, if the device was just reconnecting."""
    aim = Aim(node=NodeName(device.node), port=Port(device.ports[0]))
    until(
        lambda: Control(layout=gateway.layout).act(Verb.KILL, [aim])[0].done, "the tunnel is killed"
    )


def installed_and_up(gateway: Gateway, device: Device, box: Box, file: Path) -> ProcessId:
    done = box.sh(file, "install")
    assert done.returncode == 0, done.stderr
    return await_up(gateway, device, box)


def through(config: Path, command: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command on the device, by ssh through its own tunnel."""
    words = ["ssh", "-F", str(config), "box", command]
    return run_program(words, input=said)


Boxes = Callable[[Kit], Box]
