"""`init --tune` on a stock server: the limit on unsent data, in its own network namespace."""

from __future__ import annotations

import pytest

from checker.install.tuning import KEY, LIMIT, TUNE
from tests.system.machine import Machine

pytestmark = pytest.mark.sshd


def limit(machine: Machine) -> tuple[str, bool]:
    """The kernel's limit, and whether our file is there."""
    return machine.must("sysctl", "-n", KEY).strip(), machine.has(str(TUNE))


def warning(machine: Machine) -> str:
    """The only warning of an `init --tune` that goes on without the limit."""
    done = machine.checker("init", "--tune")
    assert done.returncode == 0, done.stderr
    (found,) = [line for line in done.stderr.splitlines() if "warning" in line]
    return found


def test_a_gateway_stays_tuned_until_no_tune_or_uninstall_restores_the_earlier_value(
    machine: Machine,
) -> None:
    machine.must("sysctl", "-q", "-w", f"{KEY}=1000000")

    shown = machine.ok("init", "--tune", "--dry-run")

    assert f"would write: {TUNE} (0644, root:root)\n" in shown
    assert f"would run: sysctl -q -p {TUNE}\n" in shown
    assert limit(machine) == ("1000000", False)
    machine.ok("init", "--tune")
    assert limit(machine) == (LIMIT, True)
    assert machine.ok("init") == "nothing to do\n"
    machine.ok("init", "--no-tune")
    assert limit(machine) == ("1000000", False)
    machine.ok("init", "--tune")
    assert limit(machine) == (LIMIT, True)
    assert f"removed {TUNE}\n" in machine.checker("uninstall", "--yes").stderr
    assert limit(machine) == ("1000000", False)


def test_a_limit_that_the_admin_or_a_container_sets_is_left_alone(machine: Machine) -> None:
    before = limit(machine)
    machine.write("/etc/sysctl.d/50-mine.conf", f"{KEY} = 131072\n")
    assert f"/etc/sysctl.d/50-mine.conf sets {KEY}, and is left as it is" in warning(machine)
    machine.must("rm", "/etc/sysctl.d/50-mine.conf")

    machine.must("sh", "-c", "mount --bind /proc/sys /proc/sys; mount -o remount,bind,ro /proc/sys")

    assert "set it when you start the container" in warning(machine)
    assert limit(machine) == before
