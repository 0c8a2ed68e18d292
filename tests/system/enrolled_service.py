"""A device under a running systemd asks to become a node; its service makes way for the node's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.system.booted import Booted
from tests.system.machine import SSH_PORT
from tests.system.waiting import until

WAITING = "reversi-enrol_masts.service"
NODE = "reversi-mast.service"


def enrol(
    gateway: Booted, file: str, live: str, *, user: Sequence[str] = (), manager: Sequence[str]
) -> None:
    """Install an enrolment's bundle as this user, accept it, and uninstall its node.

    `live`: the directory of the files that the wait needs; `manager`: the user's systemctl.
    """
    client = str(Path(sys.executable).with_name("reversi-client"))
    gateway.ok("enrol", "new", "masts", "--forward", f"127.0.0.1:{SSH_PORT},banner:SSH-")
    gateway.must(client, "build", "--enrol", "masts", "--output", file)
    gateway.must("chown", f"--reference={Path(file).parent}", file)

    who = gateway.must(*user, "sh", file, "install", "--name", "mast").strip()
    assert state(gateway, manager, WAITING) == "active"
    until(lambda: "mast" in gateway.ok("node", "pending"), "the daemon has stored who asks")
    gateway.ok("node", "accept", who)
    gateway.must("rm", f"{live}/next")
    gateway.must(*manager, "restart", WAITING)

    until(lambda: status(gateway, user, file).startswith("mast: up "), "it is up")
    until(lambda: state(gateway, manager, WAITING) == "inactive", "the wait is over")
    assert gateway.run(*manager, "cat", WAITING).returncode != 0
    assert state(gateway, manager, NODE) == "active"
    assert not gateway.has(live)
    until(lambda: not gateway.run("pgrep", "-f", "enrol_masts.sh").stdout, "its processes ended")
    gateway.must(*user, "sh", file, "uninstall", "--name", "mast")
    assert state(gateway, manager, NODE) == "inactive"
    gateway.must("rm", file)


def status(gateway: Booted, user: Sequence[str], file: str) -> str:
    return gateway.run(*user, "sh", file, "status").stdout


def state(gateway: Booted, manager: Sequence[str], service: str) -> str:
    return gateway.must(*manager, "show", "--property=ActiveState", "--value", service).strip()
