"""An installed gateway in a fleet: an operator brings an entry, and root's service takes it."""

from __future__ import annotations

import json
import subprocess

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
RECEIVE = (PYTHON, "-I", "-m", "checker", "fleet", "import", "-")
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
    nothing_takes_an_entry(gateway, batch)
    the_daemon_takes_a_letter(gateway, KEY)


def nothing_takes_an_entry(gateway: Booted, batch: str) -> None:
    """Who brings one while root's service is stopped is told so, and `init` then takes it. Root
    brings it here: no D-Bus answers others.
    """
    gateway.must("systemctl", "stop", f"{UNIT}.path")

    done = gateway.run(*RECEIVE, stdin=None, input=batch)

    assert done.returncode == 2
    assert f"{UNIT}.path is inactive; there, run: sudo reversi-checker init" in done.stderr
    assert gateway.must("ls", "-A", INBOX) != ""
    gateway.ok("init")
    until(lambda: gateway.must("ls", "-A", INBOX) == "", "it is taken")


def bring(gateway: Booted, batch: str, group: str) -> subprocess.CompletedProcess[str]:
    """Run what a push runs, as an account with this group."""
    account = ("setpriv", "--reuid=65534", f"--regid={group}", "--clear-groups")
    return gateway.run(*account, *RECEIVE, stdin=None, input=batch)
