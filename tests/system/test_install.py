"""`init` and `uninstall` on a stock server, with a real sshd and the daemon as its unit runs it."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing
from dataclasses import replace

import pytest

from tests.system.clients import Device
from tests.system.harness import FAST
from tests.system.machine import PYTHON, Machine, events, status, statuses, verdicts, wrong
from tests.system.waiting import until
from tests.terminals import answered

pytestmark = pytest.mark.sshd


def test_a_stock_server_becomes_a_gateway_and_a_stock_server_again(machine: Machine) -> None:
    before = machine.etc()
    assert advice(machine).startswith("sudo reversi-checker init    # or, without root, a gateway")

    said = machine.ok("init", "--dry-run")

    assert machine.etc() == before
    for part in (
        "would run: useradd",
        "Match User reversi",
        "AllowTcpForwarding remote",
        "CapabilityBoundingSet",
        "would run: sshd -t",
    ):
        assert part in said
    done = machine.checker("init", "--gateway", "127.0.0.1:2222")
    assert done.returncode == 0, done.stderr
    assert "systemd does not run here, so nothing is started" in done.stderr
    after = machine.etc()
    second = machine.checker("init")
    assert (second.stdout, second.stderr, second.returncode) == ("nothing to do\n", "", 0)
    assert machine.etc() == after
    assert "reversi:x:" in machine.read("/etc/passwd")
    assert machine.must("sh", "-c", "grep ^reversi: /etc/shadow | cut -d: -f2") == "*\n"
    assert (
        machine.must(
            "stat", "-c", "%a %U:%G", "/run/reversi/spool", "/var/lib/reversi", "/etc/reversi"
        )
        == "770 reversi:reversi-checker\n755 reversi-checker:reversi-checker\n755 root:root\n"
    )

    live(machine)

    only_decisions_are_left(machine, set(before))
    assert advice(machine).endswith("# or remove the rest: sudo reversi-checker uninstall --purge")
    nothing_is_left_after_a_purge(machine)


def advice(machine: Machine) -> str:
    """The only advice of `doctor` before `init` and after `uninstall`."""
    (found,) = verdicts(machine).values()
    return str(found["mend"])


def only_decisions_are_left(machine: Machine, before: set[str]) -> None:
    """After `uninstall` only the registry, the settings, the key file and the manifest stay."""
    left = {path for path in set(machine.etc()) - before if not path.endswith("-")}
    settings = {
        "reversi/reversi.toml",
        "reversi/authorized_keys",
        "reversi/nodes/office.toml",
        "reversi/nodes/office.pins",
        "reversi/nodes/.lock",
        "reversi/freed-ports.toml",
    }
    assert left == {*settings, "reversi/.installed.json"}
    for name in ("reversi", "reversi-checker", "reversi-operators"):
        assert not re.search(
            rf"^{name}:", machine.read("/etc/passwd") + machine.read("/etc/group"), re.MULTILINE
        )
    assert not machine.has("/run/reversi")
    assert not machine.has("/var/lib/reversi")


def nothing_is_left_after_a_purge(machine: Machine) -> None:
    assert (
        machine.ok("uninstall", "--yes")
        == "nothing to do: init made nothing here but /etc/reversi, which --purge removes\n"
    )
    assert machine.ok("uninstall", "--purge", "--dry-run") == "would remove: /etc/reversi\n"
    machine.ok("uninstall", "--purge", "--yes")
    assert not machine.has("/etc/reversi")
    assert machine.ok("uninstall", "--yes") == "nothing to do: init made nothing here\n"


def test_root_needs_no_sbin_in_its_path(machine: Machine) -> None:
    made = machine.run("env", "PATH=/usr/bin:/bin", PYTHON, "-I", "-m", "checker", "init")

    assert made.returncode == 0, made.stderr


def test_uninstall_continues_where_it_failed(machine: Machine) -> None:
    machine.ok("init")
    machine.must("userdel", "reversi-checker")

    machine.ok("uninstall", "--yes")

    assert not re.search(r"^reversi(-checker)?:", machine.read("/etc/passwd"), re.MULTILINE)


def heard_of_sshd(machine: Machine, device: Device) -> bool:
    """Whether a refusal of sshd is an event. Its log goes to auth.log, as syslog writes it."""
    lines = (machine.folder / "sshd.log").read_text(encoding="utf-8").splitlines()
    logged = "".join(f"Nov 22 11:37:28 gateway sshd[1]: {line}\n" for line in lines)
    machine.run("sh", "-c", "cat >>/var/log/auth.log", stdin=None, input=logged)
    texts = [
        event["text"]
        for event in json.loads(machine.ok("log", "--json"))["events"]
        if event["node"] == device.node
    ]
    return any(
        "sshd refused listening on localhost port 22, asked for by" in text for text in texts
    )


def live(machine: Machine) -> None:
    """The gateway at work: a node, a hang, a kill, and what doctor says before and after."""
    assert verdicts(machine)["sshd's log"]["ok"] is None
    machine.must("install", "-m", "0640", "-g", "adm", "/dev/null", "/var/log/auth.log")
    assert verdicts(machine)["sshd's log"]["ok"] is True
    machine.write("/etc/reversi/reversi.toml", machine.read("/etc/reversi/reversi.toml") + FAST)
    machine.start_sshd()
    assert verdicts(machine)["daemon"]["ok"] is False
    machine.start_daemon()
    machine.hear("WATCHDOG=1")
    with closing(machine.service()) as target:
        device = machine.add("office", 20010, target.port)
        with closing(device.connect()) as first:
            until(lambda: status(machine) == "up", "the tunnel is up")
            until(lambda: not wrong(machine), "doctor finds nothing")
            assert (
                subprocess.run(
                    device.ssh("-N", "-R", "22:127.0.0.1:9"),
                    capture_output=True,
                    check=False,
                    timeout=200,
                ).returncode
                == 255
            )
            until(lambda: heard_of_sshd(machine, device), "an event of what sshd refused")
            first.freeze()
            until(lambda: "kill" in events(machine), "the hung tunnel is killed")
            until(lambda: not machine.listens(20010), "the port is free")
        device = rekeyed(machine, device)
        forwards_changed(machine, device, target.port)
        machine.stop_daemon()
        machine.start_daemon(without="CAP_KILL")
        with closing(device.connect()) as second:
            until(lambda: machine.listens(20010), "the port is open again")
            until(lambda: status(machine) == "up", "the tunnel is up again")
            assert "no permission to end process" in machine.checker("kill", "office").stdout
            assert second.lives
            machine.stop_daemon()
            assert device.verdict("check") == 0
            uninstalled(machine)
    assert "AuthorizedKeysCommand" not in (machine.folder / "sshd.log").read_text("utf-8")
    assert "does not follow the registry" not in machine.log()
    assert "Traceback" not in machine.log()


def rekeyed(machine: Machine, device: Device) -> Device:
    """The daemon may not write the registry: it leaves a note, and root's service removes the old
    key.
    """
    config = machine.folder / "second.toml"
    machine.ok("node", "rekey", "office", "--client-config", str(config))
    second = replace(device, config=config)
    assert device.ask("version").returncode == 0
    assert second.ask("version").returncode == 0
    assert not machine.has("/var/lib/reversi/new-keys/office")
    with closing(second.connect()) as connection, connection.beating(0.5):
        until(lambda: machine.has("/var/lib/reversi/new-keys/office"), "the daemon leaves a note")
    unit = machine.read("/etc/systemd/system/reversi-keys.service")
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    assert machine.must(*command.split()) == ""
    assert not machine.has("/var/lib/reversi/new-keys/office")
    assert device.ask("version").returncode == 255
    assert second.ask("version").returncode == 0
    until(lambda: not machine.listens(20010), "the port is free")
    return second


def forwards_changed(machine: Machine, device: Device, target: int) -> None:
    """A forward comes while the tunnel stays, and goes when its device no longer asks for it:
    root removes it then.
    """
    wider = replace(device, ports=(20010, 20011), targets=device.targets * 2)
    with closing(device.connect()) as first, first.beating(0.5):
        until(lambda: status(machine) == "up", "the tunnel is up")
        machine.ok("node", "forward", "add", "office", f"20011=127.0.0.1:{target},banner:SSH-2.0")
        until(lambda: statuses(machine) == ["up", "down"], "the port is known")
        assert first.lives
    until(lambda: not machine.listens(20010), "the port is free")
    with closing(wider.connect()) as second, second.beating(0.5):
        until(lambda: statuses(machine) == ["up", "up"], "both ports are up")
        machine.ok("node", "forward", "remove", "office", "20011")
        assert second.lives
    until(lambda: not machine.listens(20011), "the port is free")
    with closing(device.connect()) as third, third.beating(0.5):
        until(lambda: machine.has("/var/lib/reversi/new-keys/office:20011"), "a note")
        machine.must(PYTHON, "-I", "-m", "checker.tunnels.key_rotation")
        assert third.lives
    assert "20011" not in machine.ok("node", "show", "office")
    until(lambda: not machine.listens(20010), "the port is free")


def uninstalled(machine: Machine) -> None:
    """Uninstall: all that `init` made, and a live tunnel, are gone; the admin's decisions stay."""
    command = [*machine.inside, PYTHON, "-I", "-m", "checker", "uninstall", "--purge"]
    code, out, shown = answered(command, "n")
    assert (code, out) == (1, "")
    for line in (
        "  remove: /etc/ssh/sshd_config.d/00-reversi.conf; then run: sshd -t",
        "  end: all tunnels of reversi",
        "  remove: /etc/reversi",
        "  forget 1 node with their keys and ports: no device can log in here again",
    ):
        assert f"{line}\n" in shown, shown
    assert shown.endswith("machine? [y/N] reversi-checker: nothing was done\n")
    assert machine.has("/etc/ssh/sshd_config.d/00-reversi.conf")
    assert machine.checker("uninstall", "--dry-run").stdout.startswith(
        "would remove: /etc/ssh/sshd_config.d/00-reversi.conf"
    )
    gone = machine.checker("uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert re.search(r"^ended [1-9] sessions of reversi$", gone.stderr, re.MULTILINE), gone.stderr
    assert "left: /etc/reversi, with the registry" in gone.stderr
