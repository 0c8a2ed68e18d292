"""`init`, `doctor` and `uninstall` on a stock server: a real sshd on the files that `init` wrote,
the daemon as its unit runs it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from tests.programs import require
from tests.system.accounts import Install
from tests.system.clients import Device
from tests.system.harness import FAST, Gateway
from tests.system.machine import PYTHON, Machine, events, status, statuses, verdicts, wrong
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(180)]
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.log
case $* in
    *reload-or-restart*) [ ! -e /run/fails ] ;;
    is-*) [ -e /run/enabled ] ;;
    "enable --now"*) touch /run/enabled ;;
    "cat ssh.service") ;;
    cat*) exit 1 ;;
esac
"""


@pytest.fixture
def machine(reachable_by_all: Install) -> Iterator[Machine]:
    with closing(Machine(reachable_by_all)) as found:
        yield found


@pytest.fixture
def booted(machine: Machine) -> Machine:
    """The same, where a systemd seems to run: what it is asked is written to /run/systemctl.log."""
    machine.write("/run/systemctl", SYSTEMCTL)
    machine.must(
        "sh",
        "-c",
        "chmod 755 /run/systemctl; mount --bind /run/systemctl /usr/bin/systemctl; mkdir -p"
        " /run/systemd/system",
    )
    return machine


def refused(machine: Machine, *words: str) -> str:
    """What a command that must be refused says."""
    before = machine.etc()
    done = machine.checker(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert machine.etc() == before
    return done.stderr


@pytest.fixture(scope="module")
def reachable_by_all(request: pytest.FixtureRequest) -> Install:
    if os.geteuid() != 0:
        pytest.skip("a namespace of one's own takes root")
    require(
        "sshd",
        "ssh",
        "unshare",
        "nsenter",
        "setpriv",
        "useradd",
        "sysctl",
        "systemd-tmpfiles",
        "ss",
        "ip",
    )
    found: Install = request.getfixturevalue("reachable")
    return found


def test_a_stock_server_becomes_a_gateway_and_one_again(machine: Machine) -> None:
    before = machine.etc()

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
    assert "no systemd runs here, so nothing is started" in done.stderr
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

    left = {path for path in set(machine.etc()) - set(before) if not path.endswith("-")}
    settings = {
        "reversi/reversi.toml",
        "reversi/authorized_keys",
        "reversi/nodes/office.toml",
        "reversi/nodes/.lock",
    }
    assert left == {*settings, "reversi/.installed.json"}
    for name in ("reversi", "reversi-checker", "reversi-operators"):
        assert not re.search(
            rf"^{name}:", machine.read("/etc/passwd") + machine.read("/etc/group"), re.MULTILINE
        )
    assert not machine.has("/run/reversi")
    assert not machine.has("/var/lib/reversi")
    assert (
        machine.ok("uninstall", "--yes")
        == "nothing to do: init made nothing here but /etc/reversi, which --purge removes\n"
    )
    assert machine.ok("uninstall", "--purge", "--dry-run") == "would remove: /etc/reversi\n"
    machine.ok("uninstall", "--purge", "--yes")
    assert not machine.has("/etc/reversi")
    assert machine.ok("uninstall", "--yes") == "nothing to do: init made nothing here\n"


def test_root_needs_no_path_to_its_own_programs(machine: Machine) -> None:
    made = machine.run("env", "PATH=/usr/bin:/bin", PYTHON, "-I", "-m", "checker", "init")

    assert made.returncode == 0, made.stderr


def test_an_uninstall_that_failed_halfway_goes_on(machine: Machine) -> None:
    machine.ok("init")
    machine.must("userdel", "reversi-checker")

    machine.ok("uninstall", "--yes")

    assert not re.search(r"^reversi(-checker)?:", machine.read("/etc/passwd"), re.MULTILINE)


def heard_of_sshd(machine: Machine, device: Device) -> bool:
    """Whether what sshd alone refused the device is an event, once sshd's lines are where syslog
    puts them, as syslog does.
    """
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
    """The gateway at work: a node, a hang, a kill, and what the doctor says before and after."""
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
            until(lambda: not wrong(machine), "the doctor finds nothing")
            assert (
                subprocess.run(
                    device.ssh("-N", "-R", "22:127.0.0.1:9"),
                    capture_output=True,
                    check=False,
                    timeout=60,
                ).returncode
                == 255
            )
            until(lambda: heard_of_sshd(machine, device), "an event of what sshd refused")
            first.freeze()
            until(lambda: "kill" in events(machine), "the hung tunnel is killed")
            until(lambda: not machine.listens(20010), "the port is free")
        device = rekeyed(machine, device)
        machine.stop_daemon()
        machine.start_daemon(without="CAP_KILL")
        with closing(device.connect()) as second:
            until(lambda: status(machine) == "up", "the tunnel is up again")
            assert "no permission to end process" in machine.checker("kill", "office").stdout
            assert second.lives
            machine.stop_daemon()
            assert device.verdict("check") == 0
            taken_back(machine)
    assert "does not follow the registry" not in machine.log()
    assert "Traceback" not in machine.log()


def test_the_doctor_of_a_home_asks_its_own_sshd(gateway: Gateway) -> None:
    gateway.add("127.0.0.1:9")

    said = gateway.run("doctor", "--json")

    checks = {check["name"]: check for check in json.loads(said.stdout)["checks"]}
    assert {name for name, check in checks.items() if check["ok"] is False} - {
        "clock",
        "disk",
    } == set(), checks
    assert checks["sshd"]["sentence"].endswith("do nothing but open reverse tunnels")


def rekeyed(machine: Machine, device: Device) -> Device:
    """The daemon may not write the registry: it asks, and root's service takes the old key away."""
    config = machine.folder / "second.toml"
    machine.ok("node", "rekey", "office", "--client-config", str(config))
    second = replace(device, config=config)
    assert device.ask("version").returncode == 0
    assert second.ask("version").returncode == 0
    assert not machine.has("/var/lib/reversi/new-keys/office")
    with closing(second.connect()) as connection, connection.beating(0.5):
        until(lambda: machine.has("/var/lib/reversi/new-keys/office"), "the daemon asks")
    unit = machine.read("/etc/systemd/system/reversi-keys.service")
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    assert machine.must(*command.split()) == ""
    assert not machine.has("/var/lib/reversi/new-keys/office")
    assert device.ask("version").returncode == 255
    assert second.ask("version").returncode == 0
    until(lambda: not machine.listens(20010), "the port is free")
    return second


def taken_back(machine: Machine) -> None:
    """All that `init` made goes, and a live tunnel with it; what the admin decided stays."""
    assert machine.checker("uninstall", "--dry-run").stdout.startswith(
        "would remove: /etc/ssh/sshd_config.d/00-reversi.conf"
    )
    gone = machine.checker("uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert re.search(r"^ended [1-9] sessions of reversi$", gone.stderr, re.MULTILINE), gone.stderr
    assert "left: /etc/reversi, with the registry" in gone.stderr


def test_systemd_is_told_and_a_second_run_tells_it_nothing(booted: Machine) -> None:
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


def test_what_sshd_does_not_load_is_taken_back(booted: Machine) -> None:
    booted.write("/run/fails", "")

    done = booted.checker("init")

    assert done.returncode == 2
    assert "sshd did not take /etc/ssh/sshd_config.d/00-reversi.conf" in done.stderr
    assert not booted.has("/etc/ssh/sshd_config.d/00-reversi.conf")
    booted.must("rm", "/run/fails")
    booted.ok("init")
    assert booted.has("/etc/ssh/sshd_config.d/00-reversi.conf")


def test_what_only_the_admin_can_decide_is_refused_before_anything_is_done(
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
    assert "put this as its first line: Include /etc/ssh/sshd_config.d/*.conf" in refused(
        machine, "init"
    )
    machine.write("/etc/ssh/sshd_config", main)
    machine.must("useradd", "--shell", "/usr/sbin/nologin", "--home-dir", "/", "reversi")
    assert "usermod --shell /bin/sh reversi" in refused(machine, "init")
    machine.must("usermod", "--shell", "/bin/sh", "reversi")
    assert "is locked with '!'" in refused(machine, "init")
    assert "leave out --home" in refused(machine, "--home", "/srv/x", "init")
    machine.must("usermod", "--password", "*", "reversi")
    machine.must("rm", "/etc/ssh/sshd_config.d/00-mine.conf")
    nobody = (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        PYTHON,
        "-I",
        "-m",
        "checker",
        "init",
    )
    assert "run it with sudo, or see what it would do with --dry-run" in machine.run(*nobody).stderr
    looked = machine.run(*nobody, "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "would write: /etc/ssh/sshd_config.d/00-reversi.conf" in looked.stdout
    assert looked.stderr.startswith("not tested with sshd: only root can do that\n")


def test_a_gateway_made_by_hand_is_taken_over(machine: Machine) -> None:
    """With a daemon that ran as root, ports in the ephemeral range, and others' reserved ports."""
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


def test_each_thing_that_the_doctor_finds_is_mended_by_the_command_that_it_prints(
    machine: Machine,
) -> None:
    for name, body in SHIMS.items():
        machine.write(f"/run/shims/{name}", f"#!/bin/sh\n{body}\n")
    machine.must("chmod", "-R", "a+rx", "/run/shims")
    machine.ok("init", "--gateway", "127.0.0.1:2222")
    machine.start_daemon()
    for number, name in enumerate(("cabin", "office")):
        machine.add(name, 20010 + number, 9)
    until(lambda: not wrong(machine), "the doctor finds nothing")

    for name, breaks in BREAKS.items():
        for harm in breaks:
            machine.must("sh", "-c", harm)
            found = verdicts(machine)[name]
            assert found["ok"] is False, (harm, found)
            machine.must("sh", "-c", f"PATH=/run/shims:$PATH\n{found['mend']}")
            assert wrong(machine) == set(), (harm, found)
    machine.stop_daemon()


def test_a_daemon_that_root_runs_where_no_systemd_does_is_well(machine: Machine) -> None:
    machine.ok("init", "--gateway", "127.0.0.1:2222")
    daemon = subprocess.Popen(
        [*machine.inside, PYTHON, "-I", "-m", "checker", "serve"], stdin=subprocess.DEVNULL
    )
    try:
        until(lambda: not wrong(machine), "the doctor finds nothing")
        assert machine.ok("init") == "nothing to do\n"
    finally:
        end_one(daemon)


def test_a_tree_for_a_package_becomes_a_gateway_by_its_postinst(machine: Machine) -> None:
    tree = str(machine.folder / "tree")
    before = machine.etc()

    done = machine.checker("init", "--root", tree, "--gateway", "127.0.0.1:2222")

    assert done.returncode == 0, done.stderr
    assert machine.etc() == before
    assert machine.checker("init", "--root", tree, "--gateway", "127.0.0.1:2222").stdout.startswith(
        "nothing to do\n"
    )
    machine.must("cp", "-a", f"{tree}/.", "/")
    for line in done.stdout.splitlines():
        if not line.startswith("systemctl"):
            machine.must("sh", "-c", line)
    there = machine.checker("init")
    assert (there.stdout, there.stderr) == ("nothing to do\n", "")
    machine.start_sshd()
    machine.start_daemon()
    until(lambda: not wrong(machine), "the doctor finds nothing")
    with ExitStack() as stack:
        target = stack.enter_context(closing(machine.service()))
        for number, name in enumerate(("cabin", "office", "roof-1")):
            stack.enter_context(closing(machine.add(name, 20010 + number, target.port).connect()))
        until(lambda: statuses(machine) == ["up"] * 3, "three nodes are up")
        # of OpenSSH 9.8 and newer, as the three share an address
        assert wrong(machine) <= {"penalties"}
        machine.stop_daemon()
