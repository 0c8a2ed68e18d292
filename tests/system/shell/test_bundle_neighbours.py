"""A tunnel beside others with a similar name on the same device, and beside other services."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import Box
from tests.client.bundle.samples import changed
from tests.programs import require
from tests.system.shell.enrolling import ACCEPTED, WAITING, enrolment
from tests.system.shell.installing import SYSTEMD, become, bundle, calls, files, needs_root
from tests.system.shell.running import set_answer

pytestmark = pytest.mark.shell
FOREIGN = "[Unit]\nDescription=reversi: keep the tunnels of devices alive\n"
"""As the unit of a gateway's daemon, reversi-checker.service."""


def named(box: Box, name: str) -> Path:
    """Write the bundle of a node with this name."""
    text = render(changed(node=name, settings={"root": str(box.root), "beat": "1"}))
    return box.write(text, f"{name}.sh")


def test_the_end_of_one_tunnel_leaves_one_whose_name_begins_alike(box: Box) -> None:
    require("screen")
    (box.folder / "programs/screen").symlink_to(shutil.which("screen") or "")
    with tempfile.TemporaryDirectory(prefix="reversi-") as sockets:
        screen = {"SCREENDIR": sockets, "TERM": "vt100"}
        box.environment |= screen
        longer, office = named(box, "office-2"), bundle(box)
        assert box.sh(longer, "install").returncode == 0
        before = box.await_state("up", "office-2")
        jobs = box.folder / "programs/crontab.txt"
        line = jobs.read_text().splitlines()[-1]
        assert line.endswith("# reversi-office-2")

        removed = box.sh(office, "uninstall")
        assert "crontab" not in removed.stderr
        assert box.sh(office, "install").returncode == 0
        box.await_state("up")
        assert box.sh(office, "uninstall").returncode == 0

        assert line in jobs.read_text().splitlines()
        assert box.state("office-2") == before
        listed = subprocess.run(
            ["screen", "-ls"],
            env={**os.environ, **screen},
            check=False,
            capture_output=True,
            text=True,
        )
        assert listed.stdout.count(".reversi-office-2\t") == 1
        assert box.sh(longer, "uninstall").returncode == 0
        box.await_nothing_left()
    assert "boot # reversi-" not in jobs.read_text()


@needs_root
def test_another_programs_unit_of_the_same_name_stays(box: Box) -> None:
    become(box, SYSTEMD)
    unit = box.root / SYSTEMD.unit
    unit.parent.mkdir(parents=True)
    unit.write_text(FOREIGN)

    said = [box.sh(bundle(box), verb) for verb in ("install", "uninstall", "upgrade")]

    assert [one.returncode for one in said] == [2, 2, 2]
    assert f"{unit} belongs to another program and stays" in said[0].stderr
    assert calls(box) == []
    assert files(box) == {SYSTEMD.unit: FOREIGN.encode()}


@needs_root
def test_a_gateway_cannot_replace_a_service_of_the_device(box: Box) -> None:
    become(box, SYSTEMD)
    file = enrolment(box)
    assert box.sh(file, "install").returncode == 0
    unit = box.root / SYSTEMD.unit
    unit.write_text(FOREIGN)
    box.start(box.installed / f"{WAITING}.sh")
    box.await_state("pending", WAITING)

    set_answer(box, "enrol", ACCEPTED.replace("roof", "office"))

    box.await_state("waiting", WAITING)
    assert unit.read_text() == FOREIGN
    assert [path.name for path in box.installed.iterdir() if path.name.startswith("office")] == []
    assert not [call for call in calls(box) if "reversi-office" in call]
    box.sh(file, "uninstall")
    box.await_nothing_left()
    assert unit.read_text() == FOREIGN
