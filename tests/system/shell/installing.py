"""A device of each platform, and a bundle to install on it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import Box
from tests.client.bundle.samples import changed
from tests.system.shell.stand_ins import RC_COMMON, program

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can install there")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform, and the unit that install writes there."""

    name: str
    unit: str


OPENWRT = Platform(name="openwrt", unit="etc/init.d/reversi-office")
SYSTEMD = Platform(name="systemd", unit="etc/systemd/system/reversi-office.service")
MACOS = Platform(name="macos", unit="Library/LaunchDaemons/reversi-office.plist")
RCLOCAL = Platform(name="rclocal", unit="etc/rc.local")
PLATFORMS = [pytest.param(platform, id=platform.name) for platform in (OPENWRT, SYSTEMD, MACOS)]
ED25519, ECDSA, RSA = "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"


def become(box: Box, platform: Platform) -> None:
    """Make the files by which a bundle detects the platform."""
    (box.root / "etc").mkdir()
    match platform.name:
        case "openwrt":
            (box.root / "etc/openwrt_release").write_text("DISTRIB_ID='OpenWrt'\n")
            (box.root / "etc/rc.common").write_text(RC_COMMON)
            (box.root / "etc/sysupgrade.conf").write_text("# kept\n/etc/mine\n")
        case "systemd":
            (box.root / "run/systemd/system").mkdir(parents=True)
        case "macos":
            program(box.folder / "programs", "uname", "#!/bin/sh\nprintf '%s\\n' Darwin\n")
        case _:
            program(box.root / "etc", "rc.local", "#!/bin/sh -e\n# mine\ntrue 'a\\b'\nexit 0\n")


def calls(box: Box) -> list[str]:
    """Return the calls of the service managers' stand-ins."""
    log = box.folder / "programs/calls.log"
    return (
        [line for line in log.read_text().splitlines() if not line.startswith("logger")]
        if log.exists()
        else []
    )


def files(box: Box) -> dict[str, bytes]:
    """Return all files under the device's root, except those of a running bundle."""
    found = {}
    for path in sorted(box.root.rglob("*")):
        name = str(path.relative_to(box.root))
        if path.is_file() and not name.startswith("var/run"):
            found[name] = path.read_bytes()
    return found


def bundle(box: Box, **settings: str) -> Path:
    return box.write(render(changed(settings={"root": str(box.root), "beat": "1", **settings})))


def hidden(box: Box, applet: str) -> str:
    """Return a PATH without one of busybox's applets."""
    programs, applets_folder = box.environment["PATH"].split(os.pathsep)
    fewer = box.folder / "fewer"
    if Path(applets_folder) != fewer:
        shutil.copytree(applets_folder, fewer, symlinks=True)
    (fewer / applet).unlink(missing_ok=True)
    return os.pathsep.join([programs, str(fewer)])
