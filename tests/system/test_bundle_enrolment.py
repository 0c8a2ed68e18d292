"""Devices with a real client ask a real gateway to become nodes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest

from checker.registry.reading import read_registry
from client.cli import main
from tests.bundles import Box
from tests.system.box_server import BoxServer
from tests.system.devices import DROPBEAR, OPENSSH, SCALED, Boxes, Kit
from tests.system.harness import Gateway
from tests.system.shell.enrolling import is_over
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
TWO_KITS = [pytest.param(OPENSSH, id="openssh"), pytest.param(DROPBEAR, id="dropbear")]
WAITING = "enrol_{}"


def built(gateway: Gateway, box: Box, kit: Kit, *words: str, name: str) -> Path:
    """Build a bundle, and change settings in its header."""
    file = box.folder / name
    where = (
        "--no-scan",
        "--home",
        str(gateway.home),
        "--output",
        str(file),
        "--client",
        kit.client,
    )
    assert main(["build", *words, *where]) == 0
    text = file.read_text()
    for setting, value in {**SCALED, "ROOT": str(box.root), "STARTED_BY": "cron"}.items():
        text, count = re.subn(rf"(?m)^{setting}=.*$", f"{setting}='{value}'", text)
        assert count == 1
    file.write_text(text)
    return file


def hurried(box: Box, fact: Callable[[], bool]) -> Callable[[], bool]:
    """The fact; while it is not true, the device's long waits are cut short."""

    def now() -> bool:
        if fact():
            return True
        for process in box.processes():
            with suppress(psutil.NoSuchProcess, IndexError, ValueError):
                if process.name() in {"sleep", "busybox"} and int(process.cmdline()[-1]) >= 4:
                    process.kill()
        return False

    return now


def error_of(box: Box, id_: str) -> str:
    """The last error of the wait; empty if it has none yet."""
    return box.state(WAITING.format(id_)).get("error", "")


def asks(gateway: Gateway, box: Box, kit: Kit, id_: str, *forward: str) -> tuple[Path, str]:
    """Make an enrolment, and install its bundle; return it, and who asks."""
    gateway.ok("enrol", "new", id_, "--forward", *forward)
    file = built(gateway, box, kit, "--enrol", id_, name=f"reversi-{id_}.sh")
    said = box.sh(file, "install", "--name", f"{id_}-7")
    assert said.returncode == 0, said.stderr
    box.await_state("pending", WAITING.format(id_))
    assert re.fullmatch(rf"{id_}-7@SHA256:[A-Za-z0-9+/]{{43}}\n", said.stdout)
    assert f" node accept {said.stdout}" in said.stderr
    until(lambda: f"{id_}-7" in gateway.ok("node", "pending"), "the daemon has stored who asks")
    return file, said.stdout.strip()


@pytest.mark.parametrize("kit", TWO_KITS)
def test_an_accepted_device_comes_up_and_can_be_upgraded(
    gateway: Gateway, boxes: Boxes, kit: Kit, tmp_path: Path
) -> None:
    box, id_ = boxes(kit), f"masts-{kit.client}"
    with closing(BoxServer(tmp_path / "machine", box)) as machine:
        public = (machine.folder / "host.pub").read_text().rsplit(" ", 1)[0]
        host_key = box.root / "etc/ssh/ssh_host_ed25519_key.pub"
        host_key.parent.mkdir(parents=True)
        host_key.write_text(f"{public} root@mast\n")
        file, who = asks(gateway, box, kit, id_, f"127.0.0.1:{machine.port},hostkey")

        gateway.ok("node", "accept", who)

        name = f"{id_}-7"
        until(hurried(box, lambda: box.state(name).get("state") == "up"), "its tunnel is up")
        until(lambda: is_over(box, WAITING.format(id_)), "the wait is over")
        node = read_registry(gateway.layout.nodes).node(name)
        assert [forward.host_key for forward in node.forwards] == [public]
        assert node.public_key.startswith("ssh-ed25519 ")
        if kit is DROPBEAR:
            keep = built(gateway, box, kit, name, "--key", "keep", "--retry", "3", name="keep.sh")
            assert box.sh(keep, "upgrade").returncode == 0
            old = box.installed / f"{name}.sh.old"
            until(lambda: not old.exists(), "the upgrade is confirmed")
            assert box.sh(keep, "confirmed").returncode == 0
        again = box.sh(file, "install")
        assert f"has a tunnel to this gateway already, as {name}" in again.stderr
        assert box.sh(file, "uninstall", "--name", name).returncode == 0
        box.await_nothing_left()


def test_a_rejected_device_ends_and_one_of_an_ended_enrolment_says_so(
    gateway: Gateway, boxes: Boxes
) -> None:
    kit, id_ = DROPBEAR, "poles"
    box, other = boxes(kit), boxes(kit)
    file, who = asks(gateway, box, kit, id_, gateway.service().target)
    there = other.folder / file.name
    there.write_text(file.read_text().replace(str(box.root), str(other.root)))
    assert other.sh(there, "install").returncode == 0

    gateway.ok("node", "reject", who)
    until(hurried(box, lambda: not box.processes()), "the rejected device ends")
    gateway.ok("enrol", "end", id_, "--yes")

    state = hurried(other, lambda: "ended or expired" in error_of(other, id_))
    until(state, "the other says why")
    assert "refuses the key of this enrolment" in other.sh(there, "status").stdout
    for one, bundle in ((box, file), (other, there)):
        one.sh(bundle, "uninstall")
        one.await_nothing_left()
