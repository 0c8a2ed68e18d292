"""`init --root`: a package's files, installed by its postinst."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from tests.system.machine import Machine, statuses, wrong
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


def test_the_postinst_makes_a_gateway_of_a_packages_files(machine: Machine) -> None:
    tree = str(machine.folder / "tree")
    before = machine.etc()

    done = machine.checker("init", "--root", tree, "--gateway", "127.0.0.1:2222")

    assert done.returncode == 0, done.stderr
    assert machine.etc() == before
    assert machine.checker("init", "--root", tree, "--gateway", "127.0.0.1:2222").stdout.startswith(
        "nothing to do\n"
    )
    machine.must("cp", "-a", f"{tree}/.", "/")
    for line in done.stdout.splitlines():
        if not line.startswith("systemctl"):
            machine.must("sh", "-c", line)
    there = machine.checker("init")
    assert (there.stdout, there.stderr) == ("nothing to do\n", "")
    machine.start_sshd()
    machine.start_daemon()
    until(lambda: not wrong(machine), "doctor finds nothing")
    with ExitStack() as stack:
        target = stack.enter_context(closing(machine.service()))
        for number, name in enumerate(("cabin", "office", "roof-1")):
            stack.enter_context(closing(machine.add(name, 20010 + number, target.port).connect()))
        until(lambda: statuses(machine) == ["up"] * 3, "three nodes are up")
        # OpenSSH 9.8 and newer, because the three share an address
        until(lambda: wrong(machine) <= {"penalties"}, "the doctor finds nothing")
        machine.stop_daemon()
