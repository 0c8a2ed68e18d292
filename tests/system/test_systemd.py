"""Gateway and device under a running systemd: its confinement, its journal and its restarts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import pytest

from tests.programs import require
from tests.system.accounts import Install
from tests.system.booted import Booted
from tests.system.enrolled_service import enrol
from tests.system.fleet_services import both_services_follow_the_fleet
from tests.system.harness import FAST
from tests.system.machine import SSH_PORT, statuses, wrong
from tests.system.user_sessions import user_manager
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
SETTINGS = ["authorized_keys", "keys", "keys.list", "nodes", "reversi.toml"]


@pytest.fixture
def install(request: pytest.FixtureRequest) -> Install:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    found: Install = request.getfixturevalue("reachable")
    return found


@pytest.fixture
def machine(install: Install) -> Iterator[Booted]:
    with closing(Booted(install)) as found:
        yield found


class Unbootable(Booted):
    """A server on which systemd never appears."""

    tried: ClassVar[list[Booted]] = []

    def first(self) -> int | None:
        self.tried.append(self)
        raise TimeoutError


def faults(machine: Booted) -> set[str]:
    """What the doctor finds wrong; the clock and the disk are not ours to judge."""
    return wrong(machine) - {"clock", "disk"}


def texts(machine: Booted) -> list[str]:
    return [event["text"] for event in json.loads(machine.ok("log", "--json"))["events"]]


@pytest.fixture
def gateway(machine: Booted) -> Booted:
    """A gateway set up by `init`, with its daemon running."""
    machine.start_sshd()
    done = machine.checker("init", "--gateway", f"127.0.0.1:{SSH_PORT}")
    assert done.returncode == 0, done.stderr + machine.journal("reversi-checker.service")
    machine.write("/etc/reversi/reversi.toml", machine.read("/etc/reversi/reversi.toml") + FAST)
    machine.must("systemctl", "restart", "reversi-checker.service")
    return machine


def test_a_server_that_does_not_boot_leaves_nothing(install: Install) -> None:
    with pytest.raises(TimeoutError):
        Unbootable(install)

    machine = Unbootable.tried.pop()
    assert machine.boot.returncode is not None
    assert machine.sleeper.returncode is not None
    assert not machine.folder.exists()


def check_journal(gateway: Booted) -> None:
    """Check that each line has its priority, and only the journal's own time."""
    unit = "reversi-checker.service"
    until(lambda: any("killed" in text for _, text in gateway.logged(unit)), "the kill is logged")
    logged = gateway.logged(unit)
    assert {priority for priority, text in logged if "the daemon started" in text} == {6}
    assert {priority for priority, text in logged if "killed" in text} == {4}
    assert not [text for _, text in logged if text.startswith(("<", "20"))], "one time is enough"
    warnings = gateway.must("journalctl", "--no-pager", "-u", "reversi-checker", "-p", "warning")
    assert "killed" in warnings
    assert "the daemon started" not in warnings


def test_the_service_that_init_starts_works_heals_and_is_uninstalled(gateway: Booted) -> None:
    until(lambda: not faults(gateway), "the doctor finds nothing")
    with closing(gateway.service()) as target:
        device = gateway.add("office", 20010, target.port)
        with closing(device.connect()) as client:
            until(lambda: statuses(gateway) == ["up"], "the tunnel is up")
            # as every upgrade of sshd does; sessions survive
            gateway.must("systemctl", "restart", "ssh.service")
            until(lambda: gateway.listens(SSH_PORT), "sshd listens again")

            refused = subprocess.run(
                device.ssh("-N", "-R", "22:127.0.0.1:9"),
                capture_output=True,
                check=False,
                timeout=200,
            )
            assert refused.returncode == 255
            assert client.lives
            client.freeze()

            until(
                lambda: any(
                    "sshd refused listening on localhost port 22" in one for one in texts(gateway)
                ),
                "an event comes from the journal",
            )
            until(lambda: not gateway.listens(20010), "the hung tunnel is killed")
    check_journal(gateway)
    first = gateway.main_pid("reversi-checker.service")
    gateway.must("kill", "-9", str(first))
    until(
        lambda: gateway.main_pid("reversi-checker.service") not in {0, first},
        "systemd starts it again",
    )
    until(lambda: not faults(gateway), "the doctor finds nothing again")
    log = gateway.journal("reversi-checker.service")
    assert not [
        word for word in ("Traceback", "Unknown child process", "status=1/FAILURE") if word in log
    ], log

    gateway.ok("uninstall", "--yes")

    gateway.await_no_units()


def test_nats_server_and_agent_follow_the_fleet_and_stop_without_a_failure(
    gateway: Booted, tmp_path: Path
) -> None:
    require("nats-server")
    both_services_follow_the_fleet(gateway, tmp_path)


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        pytest.param(("checker", "--debug", "status"), ("--home", "/none"), id="gateway"),
        pytest.param(("client", "check", "--debug"), ("--config", "/none"), id="client"),
    ],
)
def test_an_error_and_its_traceback_have_their_priority_in_the_journal(
    machine: Booted, program: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    unit = "failing.service"

    machine.must("systemd-run", f"--unit={unit}", sys.executable, "-I", "-m", *program, *missing)

    until(lambda: any("error: " in text for _, text in machine.logged(unit)), "the error is logged")
    logged = machine.logged(unit)
    assert "Traceback (most recent call last):" in [text for _, text in logged]
    assert {priority for priority, _ in logged} == {3}, logged


def builder(gateway: Booted) -> tuple[str, ...]:
    """The command that builds a new node's bundle, without the name of the file."""
    device = gateway.add("office", 20010, SSH_PORT)
    return (
        str(Path(sys.executable).with_name("reversi-client")),
        "build",
        "office",
        "--private-key",
        f"{device.config}.key",
        "--output",
    )


def test_a_bundle_runs_as_a_confined_service(gateway: Booted) -> None:
    service = "reversi-office.service"
    build = builder(gateway)
    first, newer, bad = (str(gateway.folder / f"{name}.sh") for name in ("first", "newer", "bad"))
    gateway.must(*build, first, "--beat", "1")
    gateway.must(*build, newer, "--beat", "2")
    gateway.must(*build, bad, "--beat", "1", "--gateway", "127.0.0.1:1")
    gateway.must("sed", "-i", "s/^TRIAL=.*/TRIAL='3'/", bad)

    gateway.must("sh", first, "install")
    until(lambda: statuses(gateway) == ["up"], "the tunnel is up")

    process = gateway.main_pid(service)
    gateway.must("kill", "-9", str(process))
    until(lambda: gateway.main_pid(service) not in {0, process}, "systemd starts it again")
    until(lambda: gateway.run("sh", first, "status").returncode == 0, "it is up again")

    gateway.must("sh", newer, "upgrade")
    until(
        lambda: "the new bundle is confirmed" in gateway.journal(service),
        "the upgrade is confirmed",
    )

    gateway.must("sh", bad, "upgrade", "--offline")
    until(
        lambda: "going back to the old bundle" in gateway.journal(service),
        "the bundle that does not work is rolled back",
    )
    until(lambda: gateway.run("sh", newer, "status").returncode == 0, "the old bundle is up")
    there = gateway.must("ls", "/etc/reversi").split()
    assert sorted(there) == sorted([*SETTINGS, "office.keys", "office.sh"])

    gateway.must("sh", newer, "uninstall")
    assert gateway.run("systemctl", "cat", service).returncode != 0
    assert gateway.must("ls", "/etc/reversi").split() == SETTINGS
    assert not gateway.has("/run/reversi-office")
    until(lambda: not gateway.run("pgrep", "-f", "office.sh").stdout, "its processes ended")

    gateway.ok("node", "remove", "office", "--yes")
    enrol(gateway, f"{gateway.folder}/masts.sh", "/run/reversi-enrol_masts", manager=["systemctl"])


def test_a_user_who_is_not_root_installs_a_user_service(gateway: Booted) -> None:
    home, live, file = "/var/lib/anna", "/run/anna", "/var/lib/anna/office.sh"
    gateway.must("useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", "anna")
    gateway.must(*builder(gateway), file, "--beat", "1")
    gateway.must("chown", "anna", file)
    anna = user_manager(gateway, home, live)

    done = gateway.run(*anna, "sh", file, "install")

    assert done.returncode == 0, done.stderr
    assert "loginctl enable-linger" in done.stderr
    until(lambda: statuses(gateway) == ["up"], "the tunnel is up")
    show = (
        *anna,
        "systemctl",
        "--user",
        "show",
        "--property=MainPID",
        "--value",
        "reversi-office.service",
    )
    process = gateway.must(*show)
    gateway.must("kill", "-9", process.strip())
    until(lambda: gateway.must(*show) not in {"0\n", process}, "the user's systemd starts it again")
    until(lambda: gateway.run(*anna, "sh", file, "status").returncode == 0, "it is up again")

    gateway.must(*anna, "sh", file, "uninstall")

    until(lambda: not gateway.run("pgrep", "-f", "office.sh").stdout, "its processes ended")
    assert (
        gateway.must("find", home, "/dev/shm", "-name", "*office*", "-o", "-name", ".reversi")
        == f"{file}\n"
    )

    gateway.ok("node", "remove", "office", "--yes")
    waits = f"/dev/shm/reversi-{gateway.must('id', '-u', 'anna').strip()}-enrol_masts"
    manager = (*anna, "systemctl", "--user")
    enrol(gateway, f"{home}/masts.sh", waits, user=anna, manager=manager)
