"""Files edited by hand on an installed gateway, under a running systemd."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.programs import require
from tests.strategies import public_key
from tests.system.booted import Booted
from tests.system.enrolling import request_of
from tests.system.fleet_inbox import an_operator_brings_an_entry
from tests.system.machine import PYTHON, SSH_PORT, verdicts
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
KEYS, NODE = "/etc/reversi/authorized_keys", "/etc/reversi/nodes/office.toml"
DROP_IN = "/run/systemd/system/reversi-keys.service.d/x.conf"
AUTO = "/etc/reversi/enrolments/auto.toml"
MAKE_AUTO = """
import sys, time
from checker.config.layout import SYSTEM
from checker.control.client import Control
from checker.model import Enrolment, parse_forward
from checker.registry.authorized_keys import gate_command
from checker.registry.enrolling import make_enrolment
forwards, expires = (parse_forward("127.0.0.1:22"),), int(time.time()) + 86400
made = Enrolment(
    id="auto", public_key=sys.argv[1], forwards=forwards, is_auto=True, uses=1, expires=expires
)
make_enrolment(SYSTEM, made, b"", gate_command(SYSTEM))
Control(layout=SYSTEM).reload()
"""
ASK = """
import sys
from checker.config.layout import SYSTEM
from checker.control.client import exchange
asked = b"\\0".join([b"gate", b"+auto", b"192.0.2.7 4", sys.argv[1].encode()])
print(exchange(SYSTEM, asked).decode())
"""
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[Booted]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    with closing(Booted(request.getfixturevalue("reachable"))) as machine:
        machine.ok("init", "--gateway", f"127.0.0.1:{SSH_PORT}")
        yield machine


def state_of(gateway: Booted, unit: str) -> str:
    return gateway.must("systemctl", "show", "--property=SubState", "--value", unit).strip()


def texts(gateway: Booted) -> str:
    events = json.loads(gateway.ok("log", "--json"))["events"]
    return "\n".join(event["text"] for event in events)


def test_an_edit_by_hand_reaches_the_key_file_and_a_broken_one_locks_nobody_out(
    gateway: Booted,
) -> None:
    gateway.add("office", 20010, 9)
    gateway.must("sed", "-i", "s/20010/20011/", NODE)
    until(lambda: "localhost:20011" in gateway.read(KEYS), "the key file follows")
    until(lambda: "the key file follows the registry" in texts(gateway), "an event says so")

    keys = gateway.read(KEYS)
    gateway.must("sh", "-c", f"echo broken >>{NODE}")
    until(lambda: "not valid TOML" in texts(gateway), "the daemon has seen the broken file")
    gateway.must("mv", NODE, "/run/office.toml")
    until(
        lambda: "has no node any more" in gateway.journal("reversi-keys.service"),
        "root's service refuses to remove every node",
    )
    assert gateway.read(KEYS) == keys

    # a service that fails is tried again, and what starts it goes on watching
    gateway.write(DROP_IN, "[Service]\nExecStart=\nExecStart=/bin/false\n")
    gateway.must("systemctl", "daemon-reload")
    gateway.must("sed", "-i", "-e", "/^broken/d", "-e", "s/20011/20012/", "/run/office.toml")
    gateway.must("mv", "/run/office.toml", NODE)
    until(lambda: state_of(gateway, "reversi-keys.service") == "auto-restart", "it failed")
    assert state_of(gateway, "reversi-keys.path") == "running"
    gateway.must("rm", DROP_IN)
    gateway.must("systemctl", "daemon-reload")
    gateway.must("systemctl", "restart", "reversi-keys.service")
    until(lambda: "localhost:20012" in gateway.read(KEYS), "the key file follows again")
    until(lambda: state_of(gateway, "reversi-keys.path") == "waiting", "it watches again")

    doctor_serves_who_is_not_root(gateway)
    devices_become_nodes_without_an_operator(gateway)
    an_operator_brings_an_entry(gateway)
    gateway.ok("uninstall", "--yes")
    assert not gateway.has("/var/lib/reversi-fleet")
    (found,) = verdicts(gateway).values()
    assert "sudo reversi-checker uninstall --purge" in str(found["mend"])
    gateway.await_no_units()


def devices_become_nodes_without_an_operator(gateway: Booted) -> None:
    """Only root writes the registry, and it believes only its own file of the enrolment."""
    gateway.must(PYTHON, "-I", "-c", MAKE_AUTO, public_key(900))

    def ask(number: int) -> str:
        return gateway.must(PYTHON, "-I", "-c", ASK, request_of(number, "box"))

    assert "enrol: wait 5 box SHA256:" in ask(1)
    until(lambda: "enrol: accepted box " in ask(1), "root has accepted the device")
    assert "reversi:box\n" in gateway.read(KEYS)
    until(lambda: "accepted by itself" in texts(gateway), "an event says so")
    assert "its only use is taken" in ask(2)

    assert "reversi:+auto\n" in gateway.read(KEYS)
    gateway.must("sed", "-i", "s/^accepted_at = .*/accepted_at = 1/", AUTO)
    until(lambda: "reversi:+auto\n" not in gateway.read(KEYS), "the key line goes when it is over")
    assert "enrol: accepted box " in ask(1)


def doctor_serves_who_is_not_root(gateway: Booted) -> None:
    """Without D-Bus systemd answers only root, and another may not read each file of sshd."""
    gateway.must("chmod", "0700", "/etc/ssh/sshd_config.d")
    done = gateway.run(*NOBODY, PYTHON, "-I", "-m", "checker", "doctor", "--json")
    gateway.must("chmod", "0755", "/etc/ssh/sshd_config.d")
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert done.stderr == ""
    assert found["service"]["ok"] is None
    assert {name for name, one in found.items() if one["ok"] is False} <= {"clock", "disk"}
