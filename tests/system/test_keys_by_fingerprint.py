"""A file for each key, on a server with systemd: there and back while devices log in."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.programs import require
from tests.system.booted import Booted
from tests.system.clients import Device, is_reloading
from tests.system.machine import KEY_FILE as FILE
from tests.system.machine import KEYS, PYTHON, SSH_PORT, status, verdicts
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
LIST = "/etc/reversi/keys.list"
EARLIER = "/etc/ssh/sshd_config.d/00-earlier.conf"
DROP_IN = "/etc/ssh/sshd_config.d/00-reversi.conf"
SANDBOX = "/run/systemd/system/ssh.service.d/sandbox.conf"
SOMEBODY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl admin\n"
)
OURS = " reversi:office\n"
REFUSED = 255
"""How ssh ends if it was not let in."""
START = ("systemd-run", "--quiet")
REST = 3
"""Between two logins it rests so many times as long as a login took, to leave the rest of the
machine some time.
"""


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[Booted]:
    """A gateway whose sshd ran before `init`, as on every server."""
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "unshare", "nsenter", "useradd", "systemctl", "journalctl", "ss", "ip")
    with closing(Booted(request.getfixturevalue("reachable"))) as machine:
        machine.start_sshd()
        yield machine


class Knocking:
    """A device that logs in again and again."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.refused: list[str] = []
        self.logins = 0
        self.rest = threading.Event()
        self.thread = threading.Thread(target=self.knock)

    def knock(self) -> None:
        while not self.rest.is_set():
            began = time.monotonic()
            done = self.device.ask("version")
            if done.returncode == REFUSED and not is_reloading(done.stderr):
                self.refused.append(done.stderr)
            self.logins += 1
            self.rest.wait(REST * (time.monotonic() - began))

    def more(self) -> None:
        """Wait for a login that began after now."""
        seen = self.logins
        until(lambda: self.logins >= seen + 2, "another login")


@contextmanager
def knocking(device: Device) -> Iterator[Knocking]:
    knock = Knocking(device)
    knock.thread.start()
    try:
        yield knock
    finally:
        knock.rest.set()
        knock.thread.join()


def key_files(gateway: Booted) -> list[str]:
    return gateway.run("find", KEYS, "-type", "f").stdout.split()


def file_of(gateway: Booted, device: Device) -> str:
    said = gateway.must("ssh-keygen", "-lf", str(device.key)).split()[1]
    return f"{KEYS}/{said}.pub"


def finding(gateway: Booted, name: str) -> dict[str, object]:
    return dict(verdicts(gateway)[name])


def test_keys_go_to_files_by_fingerprint_and_back_and_no_login_is_refused(gateway: Booted) -> None:
    said = gateway.checker("init", "--gateway", f"127.0.0.1:{SSH_PORT}").stderr
    assert "logged in by a file of /etc/reversi/keys" in said
    assert gateway.ok("init") == "nothing to do\n"
    gateway.write(FILE, SOMEBODY)
    with closing(gateway.service()) as target:
        device = gateway.add("office", 20010, target.port)
        assert gateway.read(FILE) == SOMEBODY
        assert key_files(gateway) == [os.path.normpath(file_of(gateway, device))]
        assert finding(gateway, "keys")["ok"] is True
        with closing(device.connect()) as tunnel:
            until(lambda: status(gateway) == "up", "the tunnel is up")
            holder = gateway.must("ss", "-Hltnp", "sport = :20010")
            with knocking(device) as knock:
                there_and_back(gateway, knock)
                healed(gateway, device, knock)
                closed_to_others(gateway, knock)
                by_another_way(gateway, knock)
            assert not knock.refused
            assert status(gateway) == "up"
            assert gateway.must("ss", "-Hltnp", "sport = :20010") == holder
            withdrawn(gateway, device)
            until(lambda: tunnel.process.poll() is not None, "the tunnel has ended")
    confined(gateway)
    under_a_home(gateway)
    uninstalled(gateway)


def there_and_back(gateway: Booted, knock: Knocking) -> None:
    knock.more()
    gateway.ok("init", "--keys", "file")
    assert gateway.read(FILE).startswith(SOMEBODY)
    assert gateway.read(FILE).endswith(OURS)
    assert not gateway.has(KEYS)
    knock.more()
    refused_by_the_system(gateway, knock)
    waits_for_old_logins(gateway, knock)
    assert gateway.read(FILE) == SOMEBODY
    knock.more()


def refused_by_the_system(gateway: Booted, knock: Knocking) -> None:
    """If sshd cannot run the command, as under some rules of SELinux, the key file stays."""
    gateway.write(EARLIER, "Match User reversi\n    AuthorizedKeysCommandUser no-such-user\n")
    said = gateway.checker("init", "--keys", "fingerprint").stderr
    assert "no login works by a file of /etc/reversi/keys (" in said
    assert gateway.read(FILE).endswith(OURS)
    assert not gateway.has(KEYS)
    assert finding(gateway, "keys")["ok"] is None
    assert gateway.ok("init") == "nothing to do\n"
    knock.more()
    gateway.must("rm", EARLIER)


def waits_for_old_logins(gateway: Booted, knock: Knocking) -> None:
    """A connection that began before sshd read its new settings may log in long after that."""
    knocks = f"exec 3<>/dev/tcp/127.0.0.1/{SSH_PORT}; head -c 4 <&3; read -r _"
    words = [*gateway.beside, "bash", "-c", knocks]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as slow:
        assert slow.stdout is not None
        assert slow.stdout.read(4) == b"SSH-"
        done: list[int] = []
        moving = threading.Thread(
            target=lambda: done.append(gateway.checker("init", "--keys", "fingerprint").returncode)
        )
        moving.start()
        until(lambda: key_files(gateway) != [], "the keys are in both places")
        knock.more()
        assert gateway.read(FILE).endswith(OURS)
        assert slow.stdin is not None
        slow.stdin.close()
        moving.join()
    assert done == [0]


def closed_to_others(gateway: Booted, knock: Knocking) -> None:
    """With readers_group nobody else can read the files, and sshd still does."""
    toml = "/etc/reversi/reversi.toml"
    settings = gateway.read(toml)
    gateway.write(toml, f'readers_group = "watchers"\n{settings}')
    gateway.ok("init")
    assert gateway.must("stat", "-c", "%a %G", KEYS) == "2750 reversi-keys\n"
    assert {gateway.must("stat", "-c", "%a %G", path) for path in key_files(gateway)} == {
        "640 reversi-keys\n"
    }
    assert finding(gateway, "keys")["ok"] is True
    # root's service writes there after an edit by hand
    gateway.must("sed", "-i", '1i expires = "2099-12-31"', "/etc/reversi/nodes/office.toml")
    until(lambda: 'expiry-time="20991231"' in gateway.key_text(), "the file follows")
    knock.more()
    gateway.write(toml, settings)
    gateway.ok("init")
    assert gateway.must("stat", "-c", "%a %G", KEYS) == "755 root\n"
    knock.more()


def healed(gateway: Booted, device: Device, knock: Knocking) -> None:
    """What a power cut, a hand or an earlier release leaves is found, and mended by `init`."""
    place = file_of(gateway, device)
    line = gateway.read(place)
    # an earlier release: all keys in one file, and sshd's settings for that
    gateway.write(FILE, SOMEBODY + line)
    assert "keys are in" in str(finding(gateway, "keys")["sentence"])
    gateway.must("sed", "-i", "s#^\\( *AuthorizedKeysCommand\\) .*#\\1 /bin/true#", DROP_IN)
    gateway.must("systemctl", "reload", "ssh.service")
    assert "does not read" in str(finding(gateway, "keys")["sentence"])
    knock.more()
    gateway.ok("init", "--force")
    assert gateway.read(FILE) == SOMEBODY
    knock.more()
    # a hand that writes what the registry does not say, and a move that was interrupted
    stray = gateway.must("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key").split()[1]
    gateway.must("mkdir", "-p", f"{KEYS}/{Path(stray).parent}")
    gateway.write(f"{KEYS}/{stray}.pub", "forged\n")
    assert "is of no key" in str(finding(gateway, "keys")["sentence"])
    gateway.must("chmod", "a+w", place)
    gateway.must("sed", "-i", "1s/: .*/: to fingerprint/", LIST)
    gateway.write(FILE, SOMEBODY + line)
    gateway.ok("init")
    assert finding(gateway, "keys")["ok"] is True
    assert not gateway.has(f"{KEYS}/{stray}.pub")
    assert gateway.read(FILE) == SOMEBODY
    # who reads the files for sshd can write none of them
    user = ("setpriv", "--reuid=reversi-keys", "--regid=reversi-keys", "--init-groups")
    assert "reversi:office" in gateway.must(*user, "cat", place)
    assert gateway.run(*user, "find", KEYS, "-writable").stdout == ""


def by_another_way(gateway: Booted, knock: Knocking) -> None:
    """A Match block that some devices come by, and that has no command, would shut them out."""
    gateway.write(EARLIER, "Match Address 192.0.2.9\n    AuthorizedKeysCommand /bin/true\n")
    assert "addr=192.0.2.9" in str(finding(gateway, "keys")["sentence"])
    gateway.must("rm", EARLIER)
    knock.more()


def withdrawn(gateway: Booted, device: Device) -> None:
    """A key without a file opens nothing, and sshd logs nothing more about it."""
    gateway.ok("node", "disable", "office", "--yes")
    assert key_files(gateway) == []
    before = len(sshd_lines(gateway))
    assert "Permission denied" in device.ask("version").stderr
    until(
        lambda: any("authenticating user reversi" in line for line in sshd_lines(gateway)[before:]),
        "sshd has logged the refusal",
    )
    said = "\n".join(sshd_lines(gateway)[before:])
    assert "AuthorizedKeysCommand" not in said
    assert "No such file" not in said


def sshd_lines(gateway: Booted) -> list[str]:
    """Return what sshd has logged.

    By the program's name, not by its unit: of a process that has ended before the journal looks at
    it, the journal knows no unit.
    """
    words = ("journalctl", "--no-pager", "--output=json", "-t", "sshd", "-t", "sshd-session")
    return [json.loads(line)["MESSAGE"] for line in gateway.must(*words).splitlines()]


def confined(gateway: Booted) -> None:
    """What keeps only sshd from the files, as a new rule of SELinux or AppArmor does, is told."""
    gateway.write(SANDBOX, f"[Service]\nInaccessiblePaths={KEYS}\n")
    restart_sshd(gateway)
    found = finding(gateway, "keys")
    assert found["ok"] is None
    assert "a sandbox of its service limits it, and only a login shows" in str(found["sentence"])
    assert str(found["mend"]).endswith("doctor --login")
    login = with_login(gateway)[f"login 127.0.0.1:{SSH_PORT}"]
    assert login["ok"] is False
    assert "init --keys file" in str(login["mend"])
    gateway.ok("init", "--keys", "file")
    assert with_login(gateway)[f"login 127.0.0.1:{SSH_PORT}"]["ok"] is True
    gateway.write(SANDBOX, "[Service]\nReadOnlyPaths=/boot\n")
    restart_sshd(gateway)
    gateway.ok("init", "--keys", "fingerprint")
    assert finding(gateway, "keys")["ok"] is None
    assert with_login(gateway)["keys"]["ok"] is True
    gateway.must("rm", SANDBOX)
    restart_sshd(gateway)
    assert finding(gateway, "keys")["ok"] is True


def restart_sshd(gateway: Booted) -> None:
    gateway.must("systemctl", "daemon-reload")
    gateway.must("systemctl", "restart", "ssh.service")
    until(lambda: gateway.listens(SSH_PORT), "sshd listens")


def with_login(gateway: Booted) -> dict[str, dict[str, object]]:
    """Return what `doctor --login` found, by name."""
    done = gateway.run(PYTHON, "-I", "-m", "checker", "doctor", "--login", "--json")
    return {one["name"]: one for one in json.loads(done.stdout)["checks"]}


def under_a_home(gateway: Booted) -> None:
    """`up` as root does the same for its own sshd, and `serve` goes back: its sshd is another's."""
    home, keys = "/var/lib/gate", "/var/lib/gate/authorized_keys"
    checker = (PYTHON, "-I", "-m", "checker", "--home", home)
    gateway.write(f"{home}/reversi.toml", 'tunnel_user = "reversi"\n')
    add = (
        "node",
        "add",
        "home",
        "--gateway",
        "127.0.0.1:2300",
        "--forward",
        "20100=127.0.0.1:9,open",
    )
    config = gateway.folder / "home.toml"
    gateway.must(*checker, *add, "--client-config", str(config))
    gateway.must(*START, "--unit=reversi-up", *checker, "up", "--ssh-port", "2300")
    try:
        until(lambda: gateway.listens(2300), "its sshd listens")
        device = Device(
            node="home",
            ports=(20100,),
            targets=("127.0.0.1:9",),
            user="reversi",
            host="127.0.0.1",
            ssh_port=2300,
            host_key=gateway.read(f"{home}/ssh_host_ed25519_key.pub").rstrip(),
            config=config,
            inside=gateway.beside,
        )
        assert device.ask("version").returncode == 0
        assert gateway.read(keys) == ""
        assert gateway.must("find", f"{home}/keys", "-type", "f").count(".pub") == 1
        checks = json.loads(gateway.run(*checker, "doctor", "--json").stdout)["checks"]
        assert {one["name"]: one["ok"] for one in checks}["keys"] is True
    finally:
        gateway.must("systemctl", "stop", "reversi-up.service")
    gateway.must(*START, "--unit=reversi-serve", *checker, "serve")
    try:
        until(lambda: gateway.read(keys).endswith(" reversi:home\n"), "the key file has the key")
        until(lambda: not gateway.has(f"{home}/keys"), "its own file is gone")
    finally:
        gateway.must("systemctl", "stop", "reversi-serve.service")


def uninstalled(gateway: Booted) -> None:
    gateway.ok("uninstall", "--purge", "--yes")
    assert not gateway.has("/etc/reversi")
    assert not gateway.has(DROP_IN)
