"""What `init` asks of systemd and sshd on a stock server, and what it refuses or takes over."""

from __future__ import annotations

import pytest

from tests.system.harness import FAST
from tests.system.machine import PYTHON, Machine, verdicts

pytestmark = pytest.mark.sshd
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.log
case $* in
    *reload-or-restart*) [ ! -e /run/fails ] ;;
    "is-active ssh"*) exit 3 ;;
    is-*) [ -e /run/enabled ] ;;
    "enable --now"*) touch /run/enabled ;;
    "cat ssh.service") ;;
    cat*) exit 1 ;;
esac
"""
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def booted(machine: Machine) -> Machine:
    """A stock server where systemd seems to run: /run/systemctl.log has what it is asked."""
    machine.write("/run/systemctl", SYSTEMCTL)
    machine.must(
        "sh",
        "-c",
        "chmod 755 /run/systemctl; mount --bind /run/systemctl /usr/bin/systemctl; mkdir -p"
        " /run/systemd/system",
    )
    return machine


def refused(machine: Machine, *words: str) -> str:
    """What `init` says when it refuses, and changes nothing."""
    before = machine.etc()
    done = machine.checker(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert machine.etc() == before
    return done.stderr


def test_systemd_starts_the_service_and_a_second_run_asks_it_nothing(booted: Machine) -> None:
    booted.ok("init")

    asked = booted.read("/run/systemctl.log").splitlines()
    order = (
        "try-reload-or-restart ssh.service",
        "daemon-reload",
        "enable --now reversi-checker.service reversi-keys.path",
    )
    assert [line for line in asked if line in order] == list(order)
    assert booted.ok("init") == "nothing to do\n"
    booted.write("/etc/systemd/system/reversi-checker.service", "[Service]\n# mine\n")
    kept = booted.checker("init")
    assert (kept.stdout, kept.returncode) == ("nothing to do\n", 0)
    assert "left as it is: /etc/systemd/system/reversi-checker.service" in kept.stderr
    booted.ok("init", "--force")
    assert booted.read("/etc/systemd/system/reversi-checker.service.bak") == "[Service]\n# mine\n"
    assert "restart reversi-checker.service" in booted.read("/run/systemctl.log")
    gone = booted.checker("uninstall", "--purge", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "disable --now reversi-checker.service" in booted.read("/run/systemctl.log")
    assert not booted.has("/etc/reversi")


def test_a_drop_in_that_sshd_does_not_load_is_removed(booted: Machine) -> None:
    booted.write("/run/fails", "")

    done = booted.checker("init")

    assert done.returncode == 2
    assert "sshd did not accept /etc/ssh/sshd_config.d/00-reversi.conf" in done.stderr
    assert not booted.has("/etc/ssh/sshd_config.d/00-reversi.conf")
    booted.must("rm", "/run/fails")
    booted.ok("init")
    assert booted.has("/etc/ssh/sshd_config.d/00-reversi.conf")


def test_init_refuses_what_only_the_admin_can_decide_and_changes_nothing(
    machine: Machine,
) -> None:
    main = machine.read("/etc/ssh/sshd_config")

    machine.write(
        "/etc/ssh/sshd_config.d/00-mine.conf", "Match User *\n    AllowTcpForwarding yes\n"
    )
    assert (
        "AllowTcpForwarding is yes, and must be remote. Another Match block comes first"
        in refused(machine, "init")
    )
    machine.write("/etc/ssh/sshd_config.d/00-mine.conf", "Nonsense yes\n")
    assert (
        "sshd would not start: /etc/ssh/sshd_config.d/00-mine.conf: line 1: Bad configuration"
        " option" in refused(machine, "init")
    )
    machine.write("/etc/ssh/sshd_config.d/00-mine.conf", "AllowUsers root\n")
    assert (
        "AllowUsers names only root: add reversi to it"
        in machine.checker("init", "--dry-run").stderr
    )
    machine.write("/etc/ssh/sshd_config", main.replace("Include", "#Include"))
    assert "insert this as its first line: Include /etc/ssh/sshd_config.d/*.conf" in refused(
        machine, "init"
    )
    machine.write("/etc/ssh/sshd_config", main)
    machine.must("useradd", "--shell", "/usr/sbin/nologin", "--home-dir", "/", "reversi")
    assert "usermod --shell /bin/sh reversi" in refused(machine, "init")
    machine.must("usermod", "--shell", "/bin/sh", "reversi")
    machine.write("/etc/ssh/sshd_config.d/00-mine.conf", "AllowUsers root\nUsePAM no\n")
    assert "is locked with '!' and sshd has UsePAM no" in refused(machine, "init")
    assert "leave out --home" in refused(machine, "--home", "/srv/x", "init")
    machine.must("usermod", "--password", "*", "reversi")
    machine.must("rm", "/etc/ssh/sshd_config.d/00-mine.conf")
    nobody = (*NOBODY, PYTHON, "-I", "-m", "checker", "init")
    assert "run it with sudo, or see what it would do with --dry-run" in machine.run(*nobody).stderr
    looked = machine.run(*nobody, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "would write: /etc/ssh/sshd_config.d/00-reversi.conf" in looked.stdout
    assert looked.stderr.startswith("not tested with sshd: only root can do that\n")


def test_init_takes_over_a_gateway_made_by_hand(machine: Machine) -> None:
    """Its daemon ran as root, its ports are ephemeral, and others reserved ports too."""
    machine.must(
        "useradd",
        "--system",
        "--shell",
        "/bin/sh",
        "--home-dir",
        "/",
        "--no-create-home",
        "--password",
        "*",
        "reversi",
    )
    machine.write(
        "/etc/reversi/reversi.toml", f'tunnel_user = "reversi"\nports = "50000-50099"\n{FAST}'
    )
    machine.must("mkdir", "-p", "/var/lib/reversi", "/run/reversi/verdicts", "/run/reversi/spool")
    machine.must("touch", "/run/reversi/verdicts/_lock")
    machine.must("sysctl", "-q", "-w", "net.ipv4.ip_local_reserved_ports=40000,50090-50200")
    machine.write(
        "/etc/ssh/sshd_config.d/reversi.conf", "Match User reversi\n    AllowTcpForwarding remote\n"
    )
    assert "or have /etc/ssh/sshd_config.d/reversi.conf written again: init --force" in refused(
        machine, "init"
    )

    machine.ok("init", "--force")

    assert machine.must("sysctl", "-n", "net.ipv4.ip_local_reserved_ports") == "40000,50000-50200\n"
    assert machine.ok("init") == "nothing to do\n"
    machine.start_daemon()
    assert verdicts(machine)["reserved ports"]["ok"] is True
    machine.must("sysctl", "-q", "-w", "net.ipv4.ip_local_reserved_ports=")
    assert verdicts(machine)["reserved ports"]["ok"] is False
    machine.must("chmod", "0600", "/run/reversi/checker.sock")
    assert verdicts(machine)["socket"]["mend"] == "chmod 0666 /run/reversi/checker.sock"
    machine.must("chmod", "0777", "/etc/reversi/authorized_keys")
    assert verdicts(machine)["key file"]["ok"] is False
    machine.stop_daemon()
