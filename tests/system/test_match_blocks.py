"""Other files' `Match` blocks: what `init` and `doctor` say, and what a node's key can do there."""

from __future__ import annotations

import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from checker.sshd.lockdown import released_drop_in, unknown_to
from checker.sshd.program import version
from tests.system.clients import Device
from tests.system.machine import Machine, verdicts
from tests.system.processes import end_one

pytestmark = pytest.mark.sshd
CASES = Path(__file__).parents[1] / "data/sshd"
OPEN = (CASES / "match-address-open.conf").read_text(encoding="ascii")
DROP_INS = "/etc/ssh/sshd_config.d"
OURS, REST = f"{DROP_INS}/00-reversi.conf", f"{DROP_INS}/reversi.conf"


def reached(device: Device, target: int, *, source: str) -> bytes:
    """What a node's key reads from a port of the gateway, by a forward that it must not have."""
    words = [
        "timeout",
        "30",
        *device.ssh("-W", f"127.0.0.1:{target}", "-o", f"BindAddress={source}"),
    ]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as client:
        assert client.stdout is not None
        heard = client.stdout.read(len(b"SSH-2.0"))
        client.terminate()
    return heard


def sshd_finding(machine: Machine) -> tuple[object, str]:
    found = verdicts(machine)["sshd"]
    return found["ok"], str(found["sentence"])


def refused(machine: Machine) -> str:
    before = machine.etc()
    done = machine.checker("init")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert machine.etc() == before
    return done.stderr


def test_our_block_precedes_a_drop_in_that_opens_the_gateway_to_some(machine: Machine) -> None:
    machine.write(f"{DROP_INS}/20-vpn.conf", f"{OPEN}    PermitOpen any\n")
    machine.must("ip", "address", "add", "10.9.9.9/32", "dev", "lo")

    machine.ok("init", "--gateway", "127.0.0.1:2222")

    assert sshd_finding(machine)[0] is True
    machine.start_sshd()
    with closing(machine.service()) as target:
        device = machine.add("office", 20010, target.port)
        assert device.ask("version", options=("-T", "-o", "BindAddress=10.9.9.9")).returncode == 0
        assert reached(device, target.port, source="10.9.9.9") == b""
        machine.must("rm", OURS)
        machine.write(REST, released_drop_in("reversi").decode())  # as earlier releases had it
        assert machine.sshd is not None
        end_one(machine.sshd)
        machine.start_sshd()
        assert reached(device, target.port, source="10.9.9.9") == b"SSH-2.0"


def taken_back(machine: Machine) -> str:
    """What `init` says when it refuses after it made accounts, which it then removes again."""
    before = settings(machine)
    done = machine.checker("init")
    assert done.returncode == 2
    assert "removed user reversi again" in done.stderr
    assert settings(machine) == before
    return done.stderr


def settings(machine: Machine) -> dict[str, list[bytes]]:
    """The lines of each file under /etc but the backups of useradd, in whatever order."""
    return {
        path: sorted(content.split(b"\n"))
        for path, content in machine.etc().items()
        if not path.endswith("-")
    }


def test_init_refuses_a_drop_in_before_ours_and_doctor_finds_a_later_one(
    machine: Machine,
) -> None:
    machine.write(f"{DROP_INS}/00-a-vpn.conf", OPEN)
    said = (
        f"from 10.0.0.0/8 ({DROP_INS}/00-a-vpn.conf line 2) a node's key could open -L:"
        " AllowTcpForwarding is yes, and must be remote"
    )

    assert said in refused(machine)
    machine.must("rm", f"{DROP_INS}/00-a-vpn.conf")
    machine.ok("init")
    assert sshd_finding(machine)[0] is True
    machine.write(f"{DROP_INS}/00-a-vpn.conf", OPEN)

    ok, sentence = sshd_finding(machine)

    assert ok is False
    assert said in sentence
    assert said in refused(machine)
    machine.must("mv", f"{DROP_INS}/00-a-vpn.conf", f"{DROP_INS}/20-vpn.conf")
    assert sshd_finding(machine)[0] is True
    assert machine.ok("init") == "nothing to do\n"


BLOCKS = (
    ("Match Address 10.0.0.0/8,!10.1.0.0/16\nPermitTTY yes", "from 10.0.0.0/8,!10.1.0.0/16"),
    (
        "Match LocalPort 2222\nMatch LocalPort 22 Address fd00::/8\nPermitOpen any",
        "to port 22 from fd00::/8",
    ),
    ("Match LocalAddress 192.0.2.7\nGatewayPorts yes", "to address 192.0.2.7"),
    ("UseDNS yes\nMatch Host *.example.org\nX11Forwarding yes", "from host *.example.org"),
    ("Match Group reversi Address 10.*\nForceCommand internal-sftp", "from 10.*"),
    ("match user re* address 10.0.0.0/8\nallowagentforwarding yes", "from 10.0.0.0/8"),
    ("Match LocalPort 2222\nInclude /etc/ssh/more", "to port 2222 from 10.0.0.0/8"),
)


def test_init_asks_sshd_about_every_condition_before_it_changes_anything(machine: Machine) -> None:
    machine.write("/etc/ssh/more", "Match Address 10.0.0.0/8\n    AllowTcpForwarding yes\n")
    for block, told in BLOCKS:
        machine.write(f"{DROP_INS}/00-a.conf", f"{block}\n")

        assert re.search(
            rf"{re.escape(told)} \(/etc/ssh/(more|sshd_config.d/00-a.conf) line \d\)",
            refused(machine),
        ), block

    machine.write(f"{DROP_INS}/00-a.conf", (CASES / "match-group.conf").read_text(encoding="ascii"))
    # before the account exists
    assert "ForceCommand is internal-sftp, and must be none" in refused(machine)
    machine.must("mv", f"{DROP_INS}/00-a.conf", f"{DROP_INS}/20-sftp.conf")
    machine.ok("init")
    assert sshd_finding(machine)[0] is True


def test_the_drop_in_of_an_earlier_release_moves_to_the_front_and_back_and_is_removed(
    machine: Machine,
) -> None:
    machine.ok("init")
    first, second = machine.read(OURS), machine.read(REST)
    whole = released_drop_in("reversi", unknown_to(version())).decode()
    machine.must("rm", OURS)
    machine.write(REST, whole)
    assert sshd_finding(machine)[0] is True
    machine.write(f"{DROP_INS}/20-vpn.conf", OPEN)
    assert sshd_finding(machine)[0] is False

    machine.ok("init")

    assert (machine.read(OURS), machine.read(REST)) == (first, second)
    assert sshd_finding(machine)[0] is True
    assert machine.ok("init") == "nothing to do\n"
    machine.write(REST, whole)  # as the earlier release writes it after a rollback
    assert (
        "acceptenv REVERSI_ACCEPTS_NONE\n" * 2
        not in machine.must("sshd", "-T", "-C", "user=reversi,host=x,addr=::1").lower()
    )
    assert sshd_finding(machine)[0] is True
    machine.ok("init")
    machine.ok("uninstall", "--yes", "--purge")
    assert not machine.has(OURS)
    assert not machine.has(REST)


def test_a_drop_in_of_an_earlier_release_that_the_admin_changed_counts_until_force(
    machine: Machine,
) -> None:
    machine.ok("init")
    machine.must("rm", OURS)
    machine.write(
        REST,
        released_drop_in("reversi", unknown_to(version()))
        .decode()
        .replace("Interval 15", "Interval 5"),
    )

    kept = machine.checker("init")

    assert kept.returncode == 0, kept.stderr
    assert f"left as it is: {REST}" in kept.stderr
    assert not machine.has(OURS)
    machine.ok("init", "--force")
    assert machine.has(OURS)
    assert "ClientAliveInterval 5" in machine.read(f"{REST}.bak")


def test_sshrc_is_reported_with_the_command_that_exempts_the_nodes(machine: Machine) -> None:
    machine.write("/etc/ssh/sshrc", "#!/bin/sh\necho 7\n")

    for words in (("init", "--dry-run"), ("init", "--gateway", "127.0.0.1:2222")):
        assert (
            "warning: sshd runs /etc/ssh/sshrc at each login of a node"
            in machine.checker(*words).stderr
        )
    found = verdicts(machine)["sshrc"]
    assert found["ok"] is False
    machine.start_sshd()
    device = machine.add("office", 20010, 9)
    assert device.ask("version").stdout.startswith("7\n")

    machine.must("sh", "-c", f'sudo() {{ "$@"; }}; {found["mend"]}')

    assert verdicts(machine)["sshrc"]["ok"] is True
    assert not device.ask("version").stdout.startswith("7")
    assert machine.must("sh", "/etc/ssh/sshrc") == "7\n"


def test_an_account_whose_groups_sshd_does_not_lock_down_is_removed_again(
    machine: Machine,
) -> None:
    """The account is in a group, which sshd knows only once the account exists."""
    more = (CASES / "match-group.conf").read_text(encoding="ascii")
    machine.write("/etc/ssh/more.conf", more)
    machine.write(f"{DROP_INS}/00-a.conf", "Include /etc/ssh/more.conf\n")
    assert "ForceCommand is internal-sftp" in taken_back(machine)
    machine.must("rm", "/etc/ssh/more.conf")
    machine.must("groupadd", "--system", "reversi")
    machine.must("groupadd", "--system", "others")
    machine.write(f"{DROP_INS}/00-a.conf", "Match Group others\n    PermitTTY yes\n")
    machine.must(
        "sh",
        "-c",
        "printf '#!/bin/sh\\n/usr/sbin/useradd.real \"$@\" --groups others\\n' >/run/useradd; chmod"
        " 755 /run/useradd",
    )
    machine.must("sh", "-c", "cp /usr/sbin/useradd /run/useradd.real")
    machine.must(
        "sh",
        "-c",
        "sed -i s,/usr/sbin/useradd.real,/run/useradd.real, /run/useradd; mount --bind /run/useradd"
        " /usr/sbin/useradd",
    )

    group = machine.must("getent", "group", "reversi")

    assert "PermitTTY is yes, and must be no" in taken_back(machine)
    assert machine.must("getent", "group", "reversi") == group
