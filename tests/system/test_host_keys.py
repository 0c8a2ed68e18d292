"""Host keys in another place, and sshd on another port: what `init`, `build` and `doctor` say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.machine import Machine, verdicts, wrong
from tests.system.processes import end_one
from tests.system.relay import Relay
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
ROOT = Path(__file__).parents[2]
ELSEWHERE = (Path(__file__).parents[1] / "data/sshd/hostkey-elsewhere.conf").read_text()
DROP_INS = "/etc/ssh/sshd_config.d"
MAIN = "/etc/ssh/sshd_config"
USUAL = "/etc/ssh/ssh_host_ed25519_key"
HERE = "127.0.0.1:2222"


def make_key(machine: Machine, path: str) -> str:
    """Make a host key; return its public part."""
    machine.must("mkdir", "-p", path.rpartition("/")[0])
    machine.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
    return machine.read(f"{path}.pub").split()[1]


def client(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    """One command of `reversi-client`, as root, from the checkout."""
    return machine.run(sys.executable, "-m", "client", *words, cwd=str(ROOT))


def build(machine: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    places = ("--private-key", "/run", "--output", "/run/office.sh")
    return client(machine, "build", "office", *places, *words)


@contextmanager
def listening(machine: Machine, port: int, *options: str) -> Iterator[None]:
    """Another sshd of the machine."""
    words = [*machine.inside, "/usr/sbin/sshd", "-D", "-p", str(port), *options]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: machine.listens(port), "another sshd listens")
        yield
    finally:
        end_one(server)


def test_devices_pin_the_host_key_that_sshd_names_wherever_it_is(machine: Machine) -> None:
    key = make_key(machine, "/etc/ssh/keys/hk")
    usual = machine.read(f"{USUAL}.pub").split()[1]
    machine.write(f"{DROP_INS}/20-keys.conf", ELSEWHERE)

    machine.ok("init", "--gateway", HERE)

    machine.start_sshd()
    words = ("--forward", "20010=127.0.0.1:9", "--client-config", "/run/office.toml")
    machine.ok("node", "add", "office", *words)
    pinned = machine.read("/run/office.toml")
    assert (key in pinned, usual in pinned) == (True, False)
    checked = client(machine, "check", "--config", "/run/office.toml")
    assert "does not work and asks to wait" in checked.stdout, checked.stderr
    built = build(machine)
    assert built.returncode == 0, built.stderr
    assert "not compared" not in built.stderr
    assert key in machine.read("/run/office.sh")
    assert usual not in machine.read("/run/office.sh")
    assert "pins      ssh-ed25519 SHA256:" in machine.ok("node", "show", "office")
    assert verdicts(machine)["pinned host keys"]["ok"] is True

    with listening(machine, 2299, "-h", USUAL):
        refused = build(machine, "--gateway", "127.0.0.1:2299")
        assert (
            refused.returncode,
            "127.0.0.1:2299 answers with another host key" in refused.stderr,
        ) == (
            2,
            True,
        )
        assert build(machine, "--gateway", "127.0.0.1:2299", "--no-scan").returncode == 0
    unheard = build(machine, "--gateway", "127.0.0.1:2299")
    assert unheard.returncode == 0
    assert "127.0.0.1:2299 does not answer from here" in unheard.stderr

    machine.write(f"{DROP_INS}/20-keys.conf", f"HostKey {USUAL}\n")
    lost = verdicts(machine)["pinned host keys"]
    assert lost["ok"] is False
    assert "1 node pins no host key that sshd offers" in str(lost["sentence"])
    machine.write(f"{DROP_INS}/20-keys.conf", f"HostKey {USUAL}\n{ELSEWHERE}")
    assert verdicts(machine)["pinned host keys"]["ok"] is False, "sshd offers the first of a type"


def test_init_works_without_the_usual_host_keys_and_doctor_compares_ports(
    machine: Machine,
) -> None:
    make_key(machine, "/etc/ssh/keys/hk")
    machine.write(f"{DROP_INS}/20-keys.conf", ELSEWHERE)
    machine.must("sh", "-c", "rm /etc/ssh/ssh_host_*")

    done = machine.checker("init", "--gateway", "127.0.0.1:2223", "--gateway", "192.0.2.7:22")

    assert done.returncode == 0, done.stderr
    assert "an address of this machine, but nothing listens there: sshd listens on port 2222" in (
        done.stderr
    )
    assert "gateway names port 22 (192.0.2.7:22), but sshd listens on port 2222" in done.stderr
    found = verdicts(machine)["gateway's ports"]
    assert found["ok"] is False
    assert "127.0.0.1:2223" in str(found["sentence"])
    machine.must("sed", "-i", f"s/127.0.0.1:2223/{HERE}/", "/etc/reversi/reversi.toml")
    found = verdicts(machine)["gateway's ports"]
    assert found["ok"] is None
    assert "192.0.2.7:22" in str(found["sentence"])
    machine.must("ip", "address", "add", "192.0.2.7/32", "dev", "lo")
    with listening(machine, 22):
        assert verdicts(machine)["gateway's ports"]["ok"] is True


@contextmanager
def router(machine: Machine) -> Iterator[tuple[str, ...]]:
    """Another machine at 10.99.0.2, beside ours at 10.99.0.1; yield the words that enter it."""
    words = [*machine.inside, "unshare", "--net", "sleep", "600"]
    sleeper = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        pid, own = sleeper.pid, Path(f"/proc/{machine.sleeper.pid}/ns/net").readlink()
        ours = (own, Path("/proc/self/ns/net").readlink())
        until(lambda: Path(f"/proc/{pid}/ns/net").readlink() not in ours, "another network")
        inside = (*machine.inside, "nsenter", f"--net=/proc/{pid}/ns/net", "--")
        peer = ("type", "veth", "peer", "name", "to-ours", "netns", str(pid))
        machine.must("ip", "link", "add", "name", "to-router", *peer)
        for place, name, number in ((machine.inside, "to-router", 1), (inside, "to-ours", 2)):
            for what in (("address", "add", f"10.99.0.{number}/24", "dev"), ("link", "set", "up")):
                subprocess.run([*place, "ip", *what, name], check=True)
        yield inside
    finally:
        end_one(sleeper)


def test_a_router_that_passes_its_port_on_to_sshd_is_recognized_by_the_host_key(
    machine: Machine,
) -> None:
    machine.ok("init", "--gateway", "10.99.0.2:22")
    machine.start_sshd()
    assert verdicts(machine)["gateway's ports"]["ok"] is None

    with router(machine) as inside:
        passing = Relay("10.99.0.1:2222", inside=inside, listen="10.99.0.2:22")
        try:
            assert verdicts(machine)["gateway's ports"]["ok"] is True
        finally:
            passing.close()


def test_an_include_inside_a_match_block_is_named_and_the_printed_command_moves_it(
    machine: Machine,
) -> None:
    whole = machine.read(MAIN)
    inside = f"Match Address 10.0.0.0/8\n    PermitTTY no\nInclude {DROP_INS}/*.conf\n"
    within = whole.replace(f"Include {DROP_INS}/*.conf\n", "") + inside
    machine.write(MAIN, within)

    before = machine.etc()
    done = machine.checker("init")

    assert (done.returncode, machine.etc()) == (2, before)
    assert f"(Include {DROP_INS}/*.conf) is inside the block of line" in done.stderr
    assert "move the line to the top of the file: sudo sed -i" in done.stderr
    machine.write(MAIN, whole)
    machine.ok("init")
    machine.write(MAIN, within)

    found = verdicts(machine)["sshd"]

    assert found["ok"] is False
    assert "is inside the block of line" in str(found["sentence"])
    mend = f'sudo() {{ "$@"; }}; systemctl() {{ :; }}; {found["mend"]}'
    machine.must("sh", "-c", mend)
    assert "sshd" not in wrong(machine)
    assert machine.ok("init") == "nothing to do\n"
