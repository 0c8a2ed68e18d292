"""A gateway of 0.1.0 gets the new package and `init`, and is rolled back; no tunnel notices.

Throughout, no login is refused, no beat loop stops, and no tunnel ends.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.programs import require
from tests.system.accounts import Install, reachable_install
from tests.system.booted import Booted
from tests.system.clients import Device
from tests.system.harness import FAST
from tests.system.machine import SSH_PORT, statuses, wrong
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
RELEASED = Path(__file__).parents[1] / "data/released/checker-0.1.0.tar.xz"
KEYS_SERVICE = "reversi-keys.service"
SERVICE = "reversi-checker.service"


class Packages:
    """The two versions, and which of them the environment has."""

    def __init__(self, install: Install) -> None:
        self.site = Path(install.python).parents[2] / "site"
        self.new = self.site / "checker"
        self.aside = self.site.with_name("new")
        self.new.rename(self.aside)
        # before Python 3.11.4 there is no filter, and from 3.12 on a warning without one
        safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(RELEASED) as archive:
            archive.extractall(self.site.with_name("old"), **safe)
        self.put(self.site.with_name("old") / "checker")
        self.earlier = self.note("reversi-0.1.0")

    def put(self, package: Path) -> None:
        """Replace every file of the other version, as pip does, once it has the same name."""
        shutil.rmtree(self.new, ignore_errors=True)
        shutil.copytree(package, self.new)

    def note(self, name: str) -> Path:
        """Write what pip notes about a distribution."""
        notes = self.site / f"{name}.dist-info"
        notes.mkdir()
        (notes / "RECORD").write_text("checker/__init__.py,,\n", encoding="utf-8")
        return notes

    def upgrade(self) -> None:
        """Write over the files of the older version, whose distribution has another name."""
        shutil.copytree(self.aside, self.new, dirs_exist_ok=True)
        self.later = self.note("reversi_ssh-0.2.0")

    def roll_back(self) -> None:
        shutil.rmtree(self.later)
        self.put(self.site.with_name("old") / "checker")


@pytest.fixture
def install() -> Iterator[Install]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    with reachable_install() as found:
        yield found


@pytest.fixture
def packages(install: Install) -> Packages:
    return Packages(install)


@pytest.fixture
def gateway(packages: Packages, install: Install) -> Iterator[Booted]:
    """A gateway of 0.1.0, made by its own `init`."""
    assert packages.new.is_dir()
    with closing(Booted(install)) as machine:
        machine.is_warm = False
        machine.start_sshd()
        machine.ok("init", "--gateway", f"127.0.0.1:{SSH_PORT}")
        machine.write("/etc/reversi/reversi.toml", machine.read("/etc/reversi/reversi.toml") + FAST)
        machine.must("systemctl", "restart", SERVICE)
        yield machine


def answers(device: Device) -> list[int]:
    """The answer to each request of a node that is up, each in its own login."""
    assert device.ask("version").stdout.startswith("1 ")
    return [device.verdict("check"), device.verdict("claim", "first")]


def namespace_of(pid: int) -> Path | None:
    """The network namespace of a process; None if the process is over."""
    try:
        return Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return None


def beat_loops(gateway: Booted) -> set[psutil.Process]:
    """The beat loops of `office` on this gateway; other tests may run another `office`."""
    own = namespace_of(gateway.boot_pid)
    found = {
        process.pid: process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "office" in (words := process.info["cmdline"] or ())
        and "hold.sh" in " ".join(words)
        and namespace_of(process.pid) == own
    }
    # a child that has not yet become another program looks like its loop
    return {one for one in found.values() if one.info["ppid"] not in found}


def test_a_tunnel_survives_the_upgrade_from_0_1_0_and_the_rollback(
    gateway: Booted, packages: Packages
) -> None:
    with closing(gateway.service()) as target:
        device = gateway.add("office", 20010, target.port)
        spare = gateway.add("shed", 20020, target.port)
        with closing(device.connect()) as tunnel:
            until(lambda: statuses(gateway) == ["up", "down"], "the tunnel is up")
            assert tunnel.beat() == 0
            loops = beat_loops(gateway)
            assert loops

            packages.upgrade()
            assert tunnel.beat() == 0
            assert device.verdict("check") == 0
            with closing(spare.connect()) as other:
                assert other.beat() == 0

            gateway.must("systemctl", "restart", SERVICE)
            until(lambda: statuses(gateway)[0] == "up", "the new daemon sees the tunnel")
            assert tunnel.beat() == 0
            assert answers(spare) == [1, 0]
            with closing(spare.connect()) as other:
                assert other.beat() == 0
            assert gateway.run("systemctl", "start", KEYS_SERVICE).returncode == 0

            gateway.ok("init")
            assert not packages.earlier.exists()
            until(lambda: not wrong(gateway) - {"clock", "disk"}, "the doctor finds nothing")
            assert tunnel.beat() == 0
            assert beat_loops(gateway) == loops
            assert device.verdict("check") == 0

            # as docs/operating.md says
            gateway.must("rm", "/etc/ssh/sshd_config.d/00-reversi.conf")
            packages.roll_back()
            gateway.ok("init")
            gateway.must("systemctl", "restart", SERVICE)
            until(lambda: statuses(gateway)[0] == "up", "the daemon of 0.1.0 sees the tunnel")
            assert tunnel.beat() == 0
            assert device.verdict("check") == 0
            tunnel.freeze()
            until(lambda: not gateway.listens(20010), "the hung tunnel is killed")
