"""Devices that sshd or PAM shuts out, on a booted server: who says so, and in which words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.programs import require
from tests.system.accounts import Install
from tests.system.booted import Booted
from tests.system.clients import Device
from tests.system.harness import FAST
from tests.system.machine import SSH_PORT
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
CASES = Path(__file__).parents[1] / "data/sshd"
DROP_IN = "/etc/ssh/sshd_config.d/20-mine.conf"
BEFORE_OURS = "/etc/ssh/sshd_config.d/00-a.conf"
PAM = "/etc/pam.d/sshd"
ACCESS = "/etc/security/access.conf"
LIMITS = "/etc/security/limits.d/mine.conf"
HERE = f"login 127.0.0.1:{SSH_PORT}"
NAME = "gateway.example.org"
MODULE, RULE = (CASES / "pam-access.txt").read_text(encoding="ascii").splitlines()[1:]
EXPIRED = "has expired (account expired)"
NOT_ALLOWED = "User reversi from 127.0.0.1 not allowed because"


def case(name: str) -> str:
    return (CASES / name).read_text(encoding="ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How a device is shut out, and who says so in which words."""

    harm: str
    """A shell command."""
    words: str
    """In sshd's log."""
    finding: str = ""
    """The finding of `doctor` that says so without a login; empty if none does."""
    says: str = ""
    node: str | None = "office"
    """Whom the event names."""
    is_tried: bool = True
    """Whether `doctor --login` is asked too."""


def written(path: str, text: str) -> str:
    return f"printf '%s' '{text}' >{path}"


REFUSALS = {
    "DenyGroups": Refusal(
        harm=written(DROP_IN, case("denygroups.conf")),
        words=f"{NOT_ALLOWED} a group is listed in DenyGroups",
        finding="sshd",
        says="DenyGroups names reversi, a group of reversi: take it out",
    ),
    "AllowUsers": Refusal(
        harm=written(DROP_IN, case("allowusers-address.conf")),
        words=f"{NOT_ALLOWED} not listed in AllowUsers",
        is_tried=False,
    ),
    "RevokedKeys": Refusal(
        harm=written(DROP_IN, case("revoked-missing.conf")),
        words="in revoked keys file /etc/ssh/revoked-that-is-not-there: No such file or directory",
        finding="sshd",
        says="RevokedKeys names /etc/ssh/revoked-that-is-not-there, which does not exist",
    ),
    "pam_access": Refusal(
        harm=f"sed -i '1i {MODULE}' {PAM}; echo '{RULE}' >>{ACCESS}",
        words="pam_access(sshd:account): access denied for user `reversi' from `127.0.0.1'",
        finding="PAM",
        says=f"pam_access.so in {PAM} may shut reversi out",
    ),
    "pam_succeed_if": Refusal(
        harm=f"sed -i '1i account required pam_succeed_if.so user != reversi' {PAM}",
        words='requirement "user != reversi" not met by user "reversi"',
        node=None,
        is_tried=False,
    ),
    "expired": Refusal(
        harm="chage --expiredate 1 reversi",
        words=f"pam_unix(sshd:account): account reversi {EXPIRED}",
        finding="account",
        says="the account reversi has expired",
        node=None,
    ),
    "hosts.deny": Refusal(
        harm="echo 'sshd: 127.' >>/etc/hosts.deny", words="refused connect from 127.0.0.1"
    ),
    "nproc": Refusal(
        harm=f"echo 'reversi hard nproc 1' >{LIMITS}",
        words="do_exec_no_pty: fork: Resource temporarily unavailable",
    ),
}
TOUCHED = (PAM, ACCESS, "/etc/hosts.deny", "/etc/shadow")
KEEP = f"mkdir /run/kept; cp -a --parents {' '.join(TOUCHED)} /run/kept"
RESTORE = f"rm -f {DROP_IN} {BEFORE_OURS} {LIMITS}; cp -a /run/kept/etc/. /etc/"
WARNED = {
    "denygroups.conf": "sshd rejects every key of reversi: DenyGroups names reversi",
    "allowusers-address.conf": "sshd rejects some addresses: AllowUsers lets reversi in only from",
    "revoked-missing.conf": "RevokedKeys names /etc/ssh/revoked-that-is-not-there",
}


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Booted]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    require("chage")
    install: Install = request.getfixturevalue("reachable")
    with closing(Booted(install)) as found:
        found.write("/etc/hosts", f"127.0.0.1 localhost {NAME}\n")
        found.must("sh", "-c", KEEP)
        yield found


def judged(machine: Booted) -> dict[str, dict[str, Any]]:
    """What `doctor --login` finds, by name; the key file is as before."""
    before = machine.read("/etc/reversi/authorized_keys")
    done = machine.checker("doctor", "--login", "--json")
    assert machine.read("/etc/reversi/authorized_keys") == before
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def refused(machine: Booted) -> list[tuple[str | None, str]]:
    """The node and the text of each event about something refused."""
    events = json.loads(machine.ok("log", "--json"))["events"]
    return [(event["node"], event["text"]) for event in events if event["kind"] == "refused"]


def is_refused(machine: Booted, device: Device, refusal: Refusal) -> bool:
    """Let the device try once; return whether sshd refused it by now."""
    done = device.ask("version")
    said = machine.must("journalctl", "--no-pager", "--lines=20", "SYSLOG_IDENTIFIER=sshd")
    return done.returncode == 255 and refusal.words in said


def check_refusal(machine: Booted, device: Device, refusal: Refusal) -> None:
    """Shut the device out; it is an event, a note in the row, and a finding; undo it."""
    machine.must("sh", "-c", f"{refusal.harm}; systemctl reload ssh")
    until(lambda: is_refused(machine, device, refusal), f"sshd says {refusal.words}")

    if refusal.is_tried:
        check_doctor(machine, refusal)
    until(
        lambda: any(
            refusal.words in text and node == refusal.node for node, text in refused(machine)
        ),
        f"an event about {refusal.words}: {refused(machine)}",
    )
    if refusal.node:
        assert refusal.words in machine.checker("probe", "office").stdout
    machine.must("sh", "-c", f"{RESTORE}; systemctl reload ssh")


def check_doctor(machine: Booted, refusal: Refusal) -> None:
    # it waits for sshd's words for a few seconds, and the journal may be later
    until(
        lambda: refusal.words in judged(machine)[HERE]["sentence"],
        "the doctor has heard sshd's words",
    )
    found = judged(machine)
    assert found[HERE]["ok"] is False
    if refusal.finding:
        assert found[refusal.finding]["ok"] is not True
        assert refusal.says in found[refusal.finding]["sentence"]


def check_warnings(machine: Booted) -> None:
    """`init --dry-run` says what shuts devices out, before there is an account."""
    for name, words in WARNED.items():
        machine.write(DROP_IN, case(name))
        assert words in machine.checker("init", "--dry-run").stderr
    machine.must("rm", DROP_IN)
    machine.must("sh", "-c", REFUSALS["pam_access"].harm)
    said = machine.checker("init", "--dry-run").stderr
    assert f"pam_access.so in {PAM} may shut reversi out; afterwards, run:" in said
    machine.must("sh", "-c", RESTORE)
    assert "warning" not in machine.checker("init", "--dry-run").stderr


def test_whoever_shuts_devices_out_is_named_before_and_after(machine: Booted) -> None:
    check_warnings(machine)
    machine.start_sshd()
    machine.ok("init", "--gateway", f"127.0.0.1:{SSH_PORT}")
    machine.write("/etc/reversi/reversi.toml", machine.read("/etc/reversi/reversi.toml") + FAST)
    machine.must("systemctl", "restart", "reversi-checker.service")
    machine.must("sh", "-c", f"cp -a --parents {' '.join(TOUCHED)} /run/kept")
    device = machine.add("office", 20010, 9)
    with closing(device.connect()) as client:
        assert client.beat() is not None
        good = judged(machine)
        assert good[HERE]["ok"] is True, good[HERE]
    until(lambda: not machine.listens(20010), "the tunnel is down")

    for refusal in REFUSALS.values():
        check_refusal(machine, device, refusal)

    until(lambda: device.ask("version").returncode == 0, "the device is let in again")
    settings = machine.read("/etc/reversi/reversi.toml")
    gateways = f'["{NAME}:{SSH_PORT}", "{NAME}:9"]'
    machine.write(
        "/etc/reversi/reversi.toml",
        re.sub(r"(?m)^gateway = .*$", f"gateway = {gateways}", settings),
    )
    found = judged(machine)
    assert found[HERE]["ok"] is True
    assert found[f"login {NAME}:{SSH_PORT}"]["ok"] is True
    assert "sshd does not answer there" in found[f"login {NAME}:9"]["sentence"]
    machine.write(BEFORE_OURS, case("match-group.conf"))
    machine.must("systemctl", "reload", "ssh")
    until(
        lambda: "No AuthenticationMethods left" in judged(machine)[HERE]["sentence"],
        "sshd, once it has read its files again, says why",
    )
    assert "sshd refused" not in machine.checker("probe", "office").stdout
