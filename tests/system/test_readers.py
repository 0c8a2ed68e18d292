"""A gateway that only root and a group of readers may look at, under a running systemd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from tests.attack.test_local_accounts import rule
from tests.programs import require
from tests.system.accounts import Install
from tests.system.booted import Booted
from tests.system.clients import Device
from tests.system.harness import FAST
from tests.system.machine import PYTHON, SSH_PORT, statuses, verdicts, wrong
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
GROUP = "reversi-readers"
KEYS = "/etc/reversi/authorized_keys"
SECRETS = (
    "/etc/reversi/nodes/office.toml",
    "/etc/reversi/nodes/barn.toml",
    "/etc/reversi/reversi.toml",
    KEYS,
    "/etc/reversi/freed-ports.toml",
    "/var/lib/reversi/state.db",
    "/var/lib/reversi/state.db-wal",
    "/var/lib/reversi/state.db-shm",
    "/var/lib/reversi/last-good.json",
    "/run/reversi/verdicts/_registry",
)
READ = """
for place; do
    if [ -d "$place" ]; then ls "$place"; else cat "$place"; fi >/dev/null 2>&1 || continue
    printf '%s\\n' "$place"
done
"""
FOLDERS = ("/etc/reversi", "/etc/reversi/nodes", "/var/lib/reversi", "/run/reversi/verdicts")


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Booted]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    require("setpriv", "nft")
    install: Install = request.getfixturevalue("reachable")
    with closing(Booted(install)) as found:
        yield found


def as_user(machine: Booted, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program as a new session of this account would."""
    return machine.run(
        "setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--", *words
    )


def look(machine: Booted, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return as_user(machine, name, PYTHON, "-I", "-m", "checker", *words)


def start(machine: Booted) -> None:
    machine.start_sshd()
    machine.ok("init", "--gateway", f"127.0.0.1:{SSH_PORT}")
    for name in ("bob", "carol", "olga"):
        machine.must("useradd", "--no-create-home", "--user-group", name)
    machine.must("usermod", "-aG", "reversi-operators", "olga")
    machine.write("/etc/reversi/reversi.toml", machine.read("/etc/reversi/reversi.toml") + FAST)
    machine.must("systemctl", "restart", "reversi-checker.service")


def close(machine: Booted) -> None:
    """Close the gateway as the page says."""
    settings = machine.read("/etc/reversi/reversi.toml")
    machine.write("/etc/reversi/reversi.toml", f'readers_group = "{GROUP}"\n{settings}')
    machine.ok("init")
    machine.must("usermod", "-aG", GROUP, "carol")


def readable(machine: Booted, name: str) -> list[str]:
    """What this account can read of files and list of folders."""
    return as_user(machine, name, "sh", "-c", READ, "read", *SECRETS, *FOLDERS).stdout.split()


def hidden(machine: Booted, name: str) -> set[str]:
    return {*SECRETS, *FOLDERS}.difference(readable(machine, name))


def check_outsider(machine: Booted) -> None:
    """Bob reads nothing, and is told so in one sentence."""
    assert readable(machine, "bob") == []
    for words in ("status", "doctor", "probe 20010"):
        done = look(machine, "bob", *words.split())
        assert done.returncode == 2, words
        assert done.stdout == ""
        assert done.stderr == (
            "reversi-checker: error: only root and the members of reversi-readers may look at this"
            " gateway; root can add you: sudo usermod -aG reversi-readers bob, and then log in"
            " again\n"
        )
    early = machine.run(
        "setpriv", "--reuid=carol", "--regid=carol", "--clear-groups", "--", PYTHON, "-I", "-m",
        "checker", "status",
    )  # fmt: skip
    assert "older than your membership in reversi-readers: log in again" in early.stderr


def check_readers(machine: Booted) -> None:
    """Members and operators read all but the key file, which is only sshd's and root's."""
    for name in ("carol", "olga"):
        until(lambda name=name: hidden(machine, name) == {KEYS}, "all but the key file is readable")  # type: ignore[misc]
        for words in (("status", "office"), ("log",), ("node", "list")):
            assert "office" in look(machine, name, *words).stdout
        assert look(machine, name, "doctor").returncode in (0, 1)
    assert look(machine, "olga", "probe", "office").stdout == "office:20010: up\n"
    assert (
        "members of the group reversi-operators" in look(machine, "carol", "probe", "office").stderr
    )


def check_gate_without_daemon(machine: Booted, device: Device) -> None:
    """A node gets its answer from the registry, and its key is let in."""
    machine.must("systemctl", "stop", "reversi-checker.service")
    answered = device.ask("check")
    assert (answered.returncode, answered.stdout) == (0, "0\n"), answered
    machine.must("systemctl", "start", "reversi-checker.service")
    until(lambda: not wrong(machine) - {"clock", "disk"}, "the doctor finds nothing")


def check_new_key(machine: Booted, device: Device) -> None:
    """The unit of root removes a replaced key from the closed files."""
    config = machine.folder / "office-2.toml"
    machine.ok("node", "rekey", device.node, "--client-config", str(config))
    with closing(replace(device, config=config).connect()) as second:
        try:
            until(lambda: second.beat() == 0 and has_one_key(machine), "only the new key is left")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{machine.journal('reversi-keys.service')}") from None
    access = machine.must("stat", "-c", "%a %U:%G", "/etc/reversi/authorized_keys")
    assert access == "640 root:reversi\n"


def has_one_key(machine: Booted) -> bool:
    return "next_key" not in machine.read("/etc/reversi/nodes/office.toml")


def test_a_closed_gateway_shows_itself_to_readers_and_serves_its_nodes(machine: Booted) -> None:
    start(machine)
    with closing(machine.service()) as target:
        device = machine.add("office", 20010, target.port)
        with closing(device.connect()) as client:
            until(lambda: statuses(machine) == ["up"], "the tunnel is up")
            assert as_user(machine, "bob", "cat", SECRETS[0]).returncode == 0
            close(machine)
            until(lambda: client.beat() == 0, "a session from before gets its verdict")

            # every writer keeps it so: new files, replaced ones, and those of SQLite
            machine.ok("node", "add", "barn", "--forward", "20011=127.0.0.1:9,open")
            machine.ok("node", "set", "office", "--deadline", "8")
            machine.ok("node", "add", "shed", "--forward", "20012=127.0.0.1:9,open")
            machine.ok("node", "remove", "shed", "--yes")
            until(lambda: machine.has("/run/reversi/verdicts/_registry"), "the daemon copies it")
            until(lambda: not wrong(machine) - {"clock", "disk"}, "the doctor finds nothing")
            check_readers(machine)
            check_outsider(machine)
            assert client.lives
            assert machine.ok("init").endswith("nothing to do\n")
            check_gate_without_daemon(machine, device)
            assert client.beat() == 0
        check_new_key(machine, device)
    assert readable(machine, "bob") == []
    check_doctor(machine)
    open_again(machine)


def check_doctor(machine: Booted) -> None:
    """The doctor names what was opened, an operator who cannot look, and the nodes' ports."""
    assert verdicts(machine)["other accounts"]["ok"] is None
    machine.must("chmod", "o+r", "/etc/reversi/reversi.toml")
    machine.must("gpasswd", "--delete", "olga", GROUP)
    assert "/etc/reversi/reversi.toml" in str(verdicts(machine)["readers"]["sentence"])
    machine.ok("init")
    assert verdicts(machine)["readers"]["ok"] is True
    printed = rule().replace("4101", "reversi").replace("4102", "reversi-checker")
    machine.must("sh", "-c", f"nft -f - <<'RULES'\n{printed}RULES\n")
    assert verdicts(machine)["other accounts"]["ok"] is True
    machine.must("nft", "delete", "table", "inet", "reversi")


def open_again(machine: Booted) -> None:
    """Without the setting, every account may look again."""
    settings = machine.read("/etc/reversi/reversi.toml").splitlines(keepends=True)
    machine.write("/etc/reversi/reversi.toml", "".join(settings[1:]))
    machine.ok("init")
    assert "office" in look(machine, "bob", "status").stdout
    until(lambda: not hidden(machine, "bob"), "everything is readable")
