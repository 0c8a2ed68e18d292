"""An installed gateway in a fleet: an operator brings an entry, and root's service takes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cryptography

from tests.system.booted import Booted
from tests.system.fleet_letter import the_daemon_takes_a_letter
from tests.system.machine import PYTHON
from tests.system.waiting import until

BRING = """
import sys
from pathlib import Path
from checker.fleet.sealed import Sealed, batch
text, signature = (Path(name).read_bytes() for name in sys.argv[1:])
sys.stdout.buffer.write(batch([Sealed(text=text, signature=signature)]))
"""
KEY, DRAFT = "/run/anna", "/run/drafted.toml"
UNIT = "reversi-fleet-apply"
NODE = "/etc/reversi/nodes/office.toml"
INBOX = "/var/lib/reversi-fleet/inbox"


def join_a_fleet(gateway: Booted) -> None:
    """Make it `gw1`, where anna signs."""
    gateway.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
    signers = "/etc/reversi/fleet/allowed_signers"
    gateway.write(signers, f"anna {gateway.read(f'{KEY}.pub')}")
    gateway.ok("fleet", "init", "gw1", "--key", KEY)
    gateway.ok("init")
    assert "nothing to do" in gateway.ok("init")
    assert gateway.must("systemctl", "is-active", f"{UNIT}.path") == "active\n"
    assert gateway.must("stat", "-c", "%a %U %G", INBOX) == "1730 root reversi-operators\n"


def an_operator_brings_an_entry(gateway: Booted) -> None:
    """He may bring what somebody signed elsewhere; root takes it, and nobody else may bring any."""
    join_a_fleet(gateway)
    gateway.ok("node", "sign", "office", "--key", KEY)
    gateway.must("cp", "/etc/reversi/fleet/nodes/office.toml", DRAFT)
    gateway.must("sed", "-i", "-e", '1i note = "from gw2"', "-e", "s/^rev = 1$/rev = 2/", DRAFT)
    gateway.ok("fleet", "sign", DRAFT, "--key", KEY)
    batch = gateway.must(PYTHON, "-I", "-c", BRING, DRAFT, f"{DRAFT}.sig")

    refused = bring(gateway, batch, "65534")
    assert refused.returncode == 2
    assert "only root, and members of operators_group" in refused.stderr

    group = gateway.must("getent", "group", "reversi-operators").split(":")[2]
    done = bring(gateway, batch, group)
    assert done.returncode == 0, done.stderr
    before, after = (json.loads(line) for line in done.stdout.splitlines())
    assert (before["nodes"]["office"][0], after["nodes"]["office"][0]) == (1, 2)
    assert 'note = "from gw2"' in gateway.read(NODE)
    assert gateway.must("ls", "-A", INBOX) == ""
    until(
        lambda: "from gw2" in gateway.journal(f"{UNIT}.service"), "the journal says what was taken"
    )
    the_daemon_takes_a_letter(gateway, KEY)


def bring(gateway: Booted, batch: str, group: str) -> subprocess.CompletedProcess[str]:
    """Run what a push runs, as an account with this group."""
    account = ("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups")
    words = (*account, PYTHON, "-I", "-m", "checker", "fleet", "import", "-")
    return gateway.run(*words, stdin=None, input=batch)


def it_gets_onto_the_bus(gateway: Booted) -> None:
    """`init` starts nats-server and agent, each with the files of root that it needs."""
    give_packages(gateway)
    gateway.ok("fleet", "card", "--bus", "127.0.0.1:6223", "--key", KEY)
    gateway.ok("init")
    until(
        lambda: "on the bus as gw1" in gateway.journal("reversi-fleet.service"),
        "the agent is on the bus",
        within_s=120,
    )
    assert "nothing to do" in gateway.ok("init")
    owners = gateway.must("stat", "-c", "%a %U %G", "/var/lib/reversi-fleet").split()
    assert owners == ["1775", "root", "reversi-fleet"]
    gateway.ok("fleet", "card", "--no-bus", "--key", KEY)
    gateway.ok("init")
    for name in ("reversi-bus.service", "reversi-fleet.service"):
        assert gateway.run("systemctl", "is-active", name).stdout != "active\n"
        assert gateway.run("test", "-e", f"/etc/systemd/system/{name}").returncode


def give_packages(gateway: Booted) -> None:
    """Add what only the bus needs to the interpreter of the machine."""
    site = Path(cryptography.__file__).parents[1]
    names = ["cryptography", "cffi", "nats", *(one.name for one in site.glob("_cffi_backend*"))]
    packed = subprocess.run(
        ["tar", "-C", str(site), "-cf", "-", *names], capture_output=True, check=True
    )
    done = subprocess.run(
        [*gateway.inside, "tar", "-C", "/opt/reversi/site", "--no-same-owner", "-xf", "-"],
        input=packed.stdout,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
