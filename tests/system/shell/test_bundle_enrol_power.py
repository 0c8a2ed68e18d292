"""A device that was accepted loses power at each step: it goes on at the next boot."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bundles import Box
from tests.system.shell.enrolling import ACCEPTED, REJECTED, WAITING, enrolment, is_over, node_text
from tests.system.shell.installing import OPENWRT, become, needs_root
from tests.system.shell.running import set_answer
from tests.system.shell.stand_ins import program
from tests.system.waiting import until

pytestmark = [pytest.mark.shell, needs_root]
CUT = """#!/bin/sh
case $* in *"/a root/etc/"*) ;; *) exec {busybox} {name} "$@" ;; esac
read -r steps <"$BOX/steps" && printf '%s\\n' "$((steps - 1))" >"$BOX/steps"
[ "${{steps:-0}}" -ne 1 ] || exec sleep 1000
exec {busybox} {name} "$@"
"""
"""A program that changes the flash; it stops for ever when all steps are done."""
UNITS = {name: OPENWRT.unit.replace("office", name) for name in (WAITING, "roof")}
MOST_STEPS = 40


def steps_left(box: Box) -> int:
    """How many changes of the flash are left until the cut."""
    return int((box.folder / "steps").read_text() or 1)


def cut_after(box: Box, steps: int) -> None:
    (box.folder / "steps").write_text(f"{steps}\n")


def lose_power(box: Box) -> None:
    """Lose all that is in memory."""
    box.lose_power()
    shutil.rmtree(box.root / "var", ignore_errors=True)


def registered(box: Box) -> list[str]:
    return [name for name, unit in UNITS.items() if (box.root / unit).exists()]


def boot(box: Box) -> None:
    """Start what is registered."""
    for name in registered(box):
        assert (box.installed / f"{name}.sh").exists()
        box.start(box.installed / f"{name}.sh")


def roof_is_up(box: Box) -> bool:
    """Whether the node's tunnel is up; start its service once it is registered, as procd does."""
    if not box.state("roof") and (box.root / UNITS["roof"]).exists():
        box.start(box.installed / "roof.sh")
        box.await_state("up", "roof")
    return box.state("roof").get("state") == "up"


def waiting_router(box: Box) -> Path:
    """Install the enrolment's bundle on a router; return a copy of its flash."""
    become(box, OPENWRT)
    busybox = shutil.which("busybox")
    cut_after(box, 0)
    for name in ("mv", "rm"):
        program(box.folder / "programs", name, CUT.format(name=name, busybox=busybox))
    box.sh(enrolment(box), "install")
    return Path(shutil.copytree(box.root / "etc", box.folder / "flash"))


def restore(box: Box, flash: Path) -> None:
    lose_power(box)
    shutil.rmtree(box.root / "etc")
    shutil.copytree(flash, box.root / "etc")


def is_cut(box: Box, flash: Path, step: int) -> bool:
    """Run the device that waits until it loses power before this step, and boot it. Return false if
    all was done before.
    """
    restore(box, flash)
    cut_after(box, step)
    boot(box)
    until(lambda: steps_left(box) <= 0 or (roof_is_up(box) and is_over(box)), "it stops or is done")
    if steps_left(box) > 0:
        return False
    cut_after(box, 0)
    lose_power(box)
    boot(box)
    return True


def test_each_cut_leads_to_the_tunnel_and_leaves_nothing_that_runs(box: Box) -> None:
    flash = waiting_router(box)
    own = box.write(node_text(box), "roof.sh")
    set_answer(box, "enrol", ACCEPTED)

    for step in range(1, MOST_STEPS):
        was_cut = is_cut(box, flash, step)

        until(lambda: roof_is_up(box) and registered(box) == ["roof"], "only the tunnel is left")
        until(lambda: not [p for p in box.command_lines() if WAITING in " ".join(p)], "it ended")
        there = {path.name: path.read_text() for path in box.root.glob("etc/reversi/*")}
        assert {*there} - {"roof.sh", "roof.keys", "roof.key"} <= {f"{WAITING}.sh"}
        assert "an OpenSSH key" not in "".join(there.values())
        if not was_cut:
            break

    cut_after(box, 0)
    assert 10 < step < MOST_STEPS - 1
    assert box.sh(own, "confirmed").returncode == 0
    box.sh(own, "uninstall")
    box.await_nothing_left()


def test_each_cut_leaves_nothing_that_runs_on_a_rejected_device(box: Box) -> None:
    flash = waiting_router(box)
    set_answer(box, "enrol", REJECTED)

    for step in range(1, MOST_STEPS):
        restore(box, flash)
        cut_after(box, step)
        boot(box)
        until(lambda: steps_left(box) <= 0 or not box.processes(), "it stops or is done")
        was_cut = steps_left(box) <= 0
        cut_after(box, 0)
        if was_cut:
            lose_power(box)
            boot(box)
        box.await_nothing_left()
        assert registered(box) == []
        there = {path.name: path.read_text() for path in box.root.glob("etc/reversi/*")}
        assert {*there} <= {f"{WAITING}.sh", f"{WAITING}.key"}
        assert "an OpenSSH key" not in "".join(there.values())
        if not was_cut:
            break

    assert 4 < step < MOST_STEPS - 1
