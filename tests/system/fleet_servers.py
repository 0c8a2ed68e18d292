"""Fresh servers on one network, and the laptop of anna, who makes a fleet of them over SSH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.programs import run_program
from tests.system.accounts import Install, reachable_install
from tests.system.booted import Booted
from tests.system.machine import Machine
from tests.system.processes import end_one
from tests.system.waiting import until

CHECKOUT = Path(__file__).parents[2]
NETWORK = "10.213.5."
LAPTOP = "laptop"
AGENT = "/root/agent"
KEPT = ("ssh -N ", "sh barn.sh run", "reversi-checker --home ~/fleet fleet serve")
"""What lines begin with that go on until the end."""
SETTLE = """
set -e
for place in /root /home /tmp /var/tmp /media /usr/local/bin; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
chmod 1777 /tmp /var/tmp
chmod 700 /root
mkdir /opt/packages
mount --bind "$1" /opt/packages
ln -s /opt/reversi/bin/* /usr/local/bin/
printf '%s\\n' '127.0.0.1 localhost' "$2" >/etc/hosts
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
printf '%s\\n' 'Port 22' 'KexAlgorithms curve25519-sha256' >/etc/ssh/sshd_config.d/10-port.conf
"""  # noqa: E501 - one line of what runs
AT_DESK = """
set -e
mkdir -m 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -C anna -f /root/.ssh/id_ed25519
printf 'User anna\\nStrictHostKeyChecking accept-new\\nLogLevel ERROR\\n' >/root/.ssh/config
"""
HIRE = """
set -e
useradd --create-home --shell /bin/bash anna
install -d -o anna -g anna -m 700 /home/anna/.ssh
printf '%s\\n' "$1" >/home/anna/.ssh/authorized_keys
printf 'StrictHostKeyChecking accept-new\\nLogLevel ERROR\\n' >/home/anna/.ssh/config
install -d -o anna /media/stick
cp "$(command -v setpriv)" /opt/become
chmod 4755 /opt/become
cat >/usr/local/bin/sudo
printf '#!/bin/sh\\n' >/usr/local/bin/apt-get
chmod 755 /usr/local/bin/sudo /usr/local/bin/apt-get
systemctl start ssh.service
"""
SUDO = """#!/bin/sh
keep=
case $1 in --preserve-env=SSH_AUTH_SOCK) keep=SSH_AUTH_SOCK=$SSH_AUTH_SOCK && shift ;; esac
exec /opt/become --reuid=0 --regid=0 --clear-groups env -i HOME=/root USER=root LOGNAME=root \\
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    SUDO_USER="$USER" ${keep:+"$keep"} "$@"
"""
"""As sudo does it: root's own environment, and only what `--preserve-env` names."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where anna types: on her laptop, or at a gateway to which she logged in with her agent."""

    world: World
    name: str

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        words = self.world.desk(line if self.name == LAPTOP else "")
        if self.name != LAPTOP:
            words[-1] = 'exec ssh -A "$0" "$1"'
            words += [f"{self.name}.example.org", line]
        if line.startswith(KEPT):
            self.world.keep(words)
            return subprocess.CompletedProcess(words, 0, "", "")
        return run_program(words, timeout=300)

    def type(self, line: str) -> str:
        """Type a line that must succeed; return its output."""
        done = self.typed(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def until_says(self, line: str, text: str) -> None:
        """Type a line until it says this, on either stream."""
        until(lambda: text in "".join(self.said(line)), f"{text!r} from: {line}")

    def said(self, line: str) -> tuple[str, str]:
        done = self.typed(line)
        return done.stdout, done.stderr


class World:
    """The servers, gateways already, and the laptop; each is a host `NAME.example.org`."""

    def __init__(self, install: Install, names: tuple[str, ...], stack: ExitStack) -> None:
        self.stack = stack
        everyone = (*names, LAPTOP)
        self.hosts = {name: f"{NETWORK}{at}" for at, name in enumerate(everyone, 1)}
        self.switch = self.sleeper()
        self.ip("link", "add", "bridge0", "type", "bridge")
        self.ip("link", "set", "bridge0", "up")
        self.laptop = stack.enter_context(self.machine(install, LAPTOP))
        self.laptop.must("sh", "-c", AT_DESK)
        self.keep([*self.laptop.inside, "ssh-agent", "-D", "-a", AGENT])
        until(lambda: self.laptop.has(AGENT), "the agent")
        self.seats = {name: Seat(self, name) for name in everyone}
        self.desk_seat.type("ssh-add -q ~/.ssh/id_ed25519")
        self.key = self.laptop.read("/root/.ssh/id_ed25519.pub").strip()
        self.gateways: dict[str, Machine] = {}
        for name in names:
            self.gateways[name] = stack.enter_context(self.machine(install, name))
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(self.set_up, names))

    @property
    def desk_seat(self) -> Seat:
        return self.seats[LAPTOP]

    def sleeper(self) -> subprocess.Popen[bytes]:
        """Start what keeps the network between the machines alive."""
        found = subprocess.Popen(["unshare", "--net", "sleep", "3600"], stdin=subprocess.DEVNULL)
        self.stack.callback(end_one, found)
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{found.pid}/ns/net").readlink() != own, "a namespace")
        return found

    def ip(self, *words: str) -> None:
        inside = ("nsenter", f"--net=/proc/{self.switch.pid}/ns/net", "--")
        subprocess.run([*inside, "ip", *words], check=True)

    @contextmanager
    def machine(self, install: Install, name: str) -> Iterator[Machine]:
        """Make one, and connect it to the others."""
        found = Machine(install) if name == LAPTOP else Booted(install)
        try:
            hosts = "\n".join(f"{at} {one}.example.org" for one, at in self.hosts.items())
            packages = next(path for path in map(Path, sys.path) if (path / "textual").is_dir())
            found.must("sh", "-c", SETTLE, "settle", str(packages), hosts)
            pid, end = str(found.sleeper.pid), f"to-{name}"
            self.ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", pid)
            self.ip("link", "set", end, "master", "bridge0", "up")
            found.must("ip", "address", "add", f"{self.hosts[name]}/24", "dev", "eth0")
            found.must("ip", "link", "set", "eth0", "up")
            yield found
        finally:
            found.close()

    def set_up(self, name: str) -> None:
        """Make a server a gateway of which anna is an operator, as docs/gateway.md says."""
        done = self.gateways[name].run("sh", "-c", HIRE, "hire", self.key, stdin=None, input=SUDO)
        assert done.returncode == 0, done.stderr
        seat = self.seats[name]
        seat.type(f"sudo reversi-checker init --gateway {name}.example.org:22")
        seat.type("sudo usermod -aG reversi-operators anna")

    def desk(self, line: str) -> list[str]:
        """Return the words that run a line on the laptop."""
        place = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SSH_AUTH_SOCK": AGENT}
        place |= {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        settings = [f"{name}={value}" for name, value in place.items()]
        return [*self.laptop.inside, "env", "-i", "-C", "/root", *settings, "bash", "-c", line]

    def keep(self, words: list[str]) -> None:
        """Start what goes on until the end."""
        quiet = subprocess.DEVNULL
        self.stack.callback(
            end_one, subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet)
        )


@contextmanager
def world(*names: str) -> Iterator[World]:
    """Make servers of these names; all of them end with the block."""
    with ExitStack() as stack:
        install = stack.enter_context(reachable_install())
        add_all_commands(Path(install.python).parents[2])
        yield World(install, names, stack)


def add_all_commands(prefix: Path) -> None:
    """Add the client and the console, and the three commands."""
    for name in ("client", "reversi_tui"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / name, prefix / "site" / name, ignore=ignored)
    (library,) = (prefix / "venv" / "lib").glob("python3*")
    (library / "site-packages" / "packages.pth").write_text("/opt/packages\n", encoding="ascii")
    (prefix / "bin").mkdir()
    for command in (CHECKOUT / "bin").glob("reversi-*"):
        _, _, body = command.read_text(encoding="utf-8").partition("\n")
        place = prefix / "bin" / command.name
        place.write_text(f"#!/opt/reversi/venv/bin/python\n{body}", encoding="utf-8")
        place.chmod(0o755)
