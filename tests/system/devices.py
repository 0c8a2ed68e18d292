"""Devices that a bundle runs on, against the real gateway: a shell, an SSH client, and the bundle
as `reversi-client build` makes it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.model import ProcessId
from tests.bundles import SHELLS, Box
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.network import DEVICE, Network

SCALED = {"BEAT": "1", "RETRY": "2"}
"""A tenth of the times that a bundle has; the rest of them are counted in beats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """A shell, and the programs that it finds besides."""

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
    """The device's bundle as `reversi-client build` makes it, with other settings in its header."""
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
        *options,
    ]
    if "device" not in options:
        words += ["--private-key", str(device.key)]
    entry = "import sys; from client.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", entry, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path.cwd(),
    )
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
    """The device's bundle, up, in the third namespace."""
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


Boxes = Callable[[Kit], Box]
