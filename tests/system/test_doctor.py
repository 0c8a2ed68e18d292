"""`doctor` on a real gateway, and whether the commands that it prints help."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from checker.doctor.trial_key import trial_key
from checker.registry.key_lines import TRIAL
from tests.programs import run_program
from tests.system.harness import Gateway
from tests.system.machine import PYTHON, Machine, verdicts, wrong
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


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
        "chage --expiredate 1 reversi",
        "chage --maxdays 30 --lastday 2020-01-01 reversi",
        "touch /run/nologin",
        "usermod --lock reversi; echo 'UsePAM no' >/etc/ssh/sshd_config.d/05-pam.conf",
    ),
    "sshd": (
        "rm /etc/ssh/sshd_config.d/00-reversi.conf",
        (
            "sed -i 's/AllowTcpForwarding remote/AllowTcpForwarding yes/'"
            " /etc/ssh/sshd_config.d/00-reversi.conf"
        ),
        "echo 'AllowUsers root' >/etc/ssh/sshd_config.d/90-mine.conf",
        "echo 'RevokedKeys /etc/ssh/revoked' >/etc/ssh/sshd_config.d/91-mine.conf",
    ),
    "addresses": (
        (
            "rm /etc/ssh/sshd_config.d/*-allow.conf; echo 'AllowUsers *@10.0.0.0/8'"
            " >/etc/ssh/sshd_config.d/90-mine.conf"
        ),
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
            until(lambda: not wrong(machine), f"the doctor finds nothing after: {harm}")
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


def test_a_login_is_tried_with_a_key_that_goes_again(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9")
    before = gateway.layout.authorized_keys.read_bytes()

    said = gateway.run("doctor", "--login", "--json")

    checks = {check["name"]: check for check in json.loads(said.stdout)["checks"]}
    assert checks[f"login 127.0.0.1:{gateway.ssh_port}"]["ok"] is True, checks
    assert gateway.layout.authorized_keys.read_bytes() == before
    ended = gateway.spawn("doctor", "--login")
    until(lambda: TRIAL.encode() in gateway.layout.authorized_keys.read_bytes(), "the key is in")
    ended.terminate()
    assert ended.wait(150) == 128 + signal.SIGTERM
    assert gateway.layout.authorized_keys.read_bytes() == before
    assert device.ask("version").returncode == 0


def test_the_key_of_a_trial_opens_no_port(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9")

    with trial_key(gateway.layout, is_utc=True) as key:
        asked, listened = (
            run_program(
                [
                    str(key.path) if word == str(device.key) else word
                    for word in device.ssh(*options)
                ]
                + request
            )
            for options, request in (((), ["version"]), (("-N", "-R", "0:127.0.0.1:9"), []))
        )

    assert (asked.returncode, asked.stdout.split()[0]) == (0, "1")
    assert listened.returncode == 255
    assert "remote port forwarding failed" in listened.stderr


def test_a_device_without_a_common_algorithm_is_an_event(gateway: Gateway) -> None:
    device = gateway.add("127.0.0.1:9")

    options = ("-T", "-oMACs=hmac-md5", "-oCiphers=aes128-ctr")
    assert device.ask("version", options=options).returncode == 255

    words = "no matching MAC found. Their offer: hmac-md5"
    until(lambda: words in gateway.ok("log"), "an event says which algorithm is missing")
