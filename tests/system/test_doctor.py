"""`doctor` on a real gateway, and whether the commands that it prints help."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.system.harness import Gateway
from tests.system.machine import PYTHON, Machine, verdicts, wrong
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(180)]


def test_doctor_asks_the_sshd_of_a_home(gateway: Gateway) -> None:
    gateway.add("127.0.0.1:9")

    said = gateway.run("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(said.stdout)["checks"]}
    assert {name for name, check in checks.items() if check["ok"] is False} - {
        "clock",
        "disk",
    } == set(), checks
    assert checks["sshd"]["sentence"].endswith("only open reverse tunnels")


SHIMS = {
    "sudo": 'exec "$@"',
    "reversi-checker": f'exec {PYTHON} -I -m checker "$@"',
    "systemctl": ":",
}
BREAKS = {
    "account": (
        "usermod --shell /usr/sbin/nologin reversi",
        "usermod --lock reversi",
        "touch /run/nologin",
    ),
    "sshd": (
        "rm /etc/ssh/sshd_config.d/00-reversi.conf",
        (
            "sed -i 's/AllowTcpForwarding remote/AllowTcpForwarding yes/'"
            " /etc/ssh/sshd_config.d/00-reversi.conf"
        ),
        "echo 'AllowUsers root' >/etc/ssh/sshd_config.d/90-mine.conf",
    ),
    "logins at once": (
        "sed -i 's/^MaxStartups .*/MaxStartups 1:30:60/' /etc/ssh/sshd_config.d/*reversi.conf",
    ),
    "key file": (
        "rm /etc/reversi/authorized_keys",
        "chmod 0666 /etc/reversi/authorized_keys",
        "chmod 0600 /etc/reversi/authorized_keys",
        "sed -i s/20010/20011/ /etc/reversi/authorized_keys",
        "chown nobody /etc/reversi",
    ),
    "private keys": (
        "touch /etc/reversi/nodes/cabin.key",
        "chmod 0640 /etc/ssh/ssh_host_ed25519_key",
    ),
    "way in": ("chmod 0700 /etc/reversi/nodes",),
    "socket": ("chmod 0600 /run/reversi/checker.sock", "chmod 0700 /run/reversi"),
    "spool": (
        "rmdir /run/reversi/spool",
        "chown root /run/reversi/spool",
        "chmod 0777 /run/reversi/spool",
    ),
    "reserved ports": ("sysctl -q -w net.ipv4.ip_local_port_range='20500 60999'",),
    "state file": ("chown root /var/lib/reversi/state.db",),
}


def test_the_command_that_doctor_prints_fixes_what_it_found(
    machine: Machine,
) -> None:
    for name, body in SHIMS.items():
        machine.write(f"/run/shims/{name}", f"#!/bin/sh\n{body}\n")
    machine.must("chmod", "-R", "a+rx", "/run/shims")
    machine.ok("init", "--gateway", "127.0.0.1:2222")
    machine.start_daemon()
    for number, name in enumerate(("cabin", "office")):
        machine.add(name, 20010 + number, 9)
    until(lambda: not wrong(machine), "doctor finds nothing")

    for name, breaks in BREAKS.items():
        for harm in breaks:
            machine.must("sh", "-c", harm)
            found = verdicts(machine)[name]
            assert found["ok"] is False, (harm, found)
            machine.must("sh", "-c", f"PATH=/run/shims:$PATH\n{found['mend']}")
            assert wrong(machine) == set(), (harm, found)
    machine.stop_daemon()


def test_without_systemd_root_may_run_the_daemon(machine: Machine) -> None:
    machine.ok("init", "--gateway", "127.0.0.1:2222")
    daemon = subprocess.Popen(
        [*machine.inside, "sh", "-c", f"umask 077; exec {PYTHON} -I -m checker serve"],
        stdin=subprocess.DEVNULL,
    )
    try:
        until(lambda: not wrong(machine), "doctor finds nothing")
        assert machine.ok("init") == "nothing to do\n"
        # the tunnel user reads the verdicts, and the history if the daemon is away
        readable = "find /run/reversi/verdicts /var/lib/reversi/state.db ! -perm -0044"
        assert machine.must("sh", "-c", readable) == ""
    finally:
        end_one(daemon)
