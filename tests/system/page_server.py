"""The server that the pages assume: systemd, port 22, `~/reversi`, `/opt/reversi`, root."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from tests.system.accounts import Install
from tests.system.booted import Booted
from tests.system.harness import FAST
from tests.system.waiting import until

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("checker", "client", "reversi_tui", "bin")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
HOME = "/root"
ORIGIN = "/opt/origin"
PREFIX = "/opt/reversi"
NAME = "gateway.example.org"
ENVIRONMENT = {
    "HOME": HOME,
    "USER": "root",
    "LOGNAME": "root",
    "LANG": "C.UTF-8",
    "PATH": "/opt/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_NO_COMPILE": "1",
}
"""A terminal of root. pip asks no index: reversi's dependencies are in `/opt/packages`."""
PLACES = """
set -e
for place in /root /tmp /var/tmp /var/backups; do
    mount -t tmpfs -o mode=755 tmpfs "$place"
done
chmod 1777 /tmp /var/tmp
chmod 700 /root
umount /opt/reversi
mkdir /opt/packages /opt/bin
mount --bind "$1" /opt/packages
printf '127.0.0.1 localhost %s\\n' "$2" >/etc/hosts
printf '%s\\n' 'Port 22' 'KexAlgorithms curve25519-sha256' >/etc/ssh/sshd_config.d/10-port.conf
ip address add 192.168.1.1/32 dev lo
mkdir -m 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
printf 'Host *\\n  StrictHostKeyChecking accept-new\\n  LogLevel ERROR\\n' >/root/.ssh/config
"$3" -m venv --without-pip /opt/reversi
printf '/opt/packages\\n' >"$(echo /opt/reversi/lib/python3*/site-packages)/packages.pth"
printf '#!/bin/sh\\nexec /opt/reversi/bin/python -m pip "$@"\\n' >/opt/reversi/bin/pip
printf '#!/bin/sh\\nexec "$@"\\n' >/opt/bin/sudo
chmod 755 /opt/reversi/bin/pip /opt/bin/sudo
ln -s "$(command -v busybox)" /opt/bin/nslookup
"""
LINKS = """
set -e
ln -s /opt/reversi/bin/reversi-checker /opt/reversi/bin/reversi-tui /opt/bin/
cat >/opt/bin/reversi-client <<'SCRIPT'
#!/bin/sh
[ "$1" != build ] || set -- "$@" --beat 1
exec /opt/reversi/bin/reversi-client "$@"
SCRIPT
chmod 755 /opt/bin/reversi-client
"""
"""The commands as the README links them; bundles beat every second, to spare the test's time."""

installed: list[bytes] = []
"""The archive of `PREFIX` after pip, once a server has it."""
one_by_one = threading.Lock()


class PageServer(Booted):
    """A server before the first command of the pages; `~/reversi` is cloned from `checkout`."""

    def __init__(self, install: Install, checkout: Path) -> None:
        self.checkout = checkout
        super().__init__(install)

    def build(self, install: Install) -> None:
        """Add the places that a test writes to, a checkout, and a venv without reversi."""
        super().build(install)
        packages = next(path for path in map(Path, sys.path) if (path / "textual").is_dir())
        self.must(
            "sh", "-c", PLACES, "places", str(packages), NAME, str(Path(install.python).resolve())
        )
        self.bring(self.checkout, ORIGIN)
        self.type(f"git clone --quiet {ORIGIN} reversi")
        self.type("git -C ~/reversi reset --quiet --hard v0.0.9")
        self.type(
            "git config --global user.name root; git config --global user.email root@example.org"
        )

    def stop_services(self) -> None:
        """Stop our services. Their PrivateTmp directories are in the server's own /tmp."""
        self.run("systemctl", "stop", "reversi-*.service")

    def bring(self, source: Path, to: str) -> None:
        """Copy a file or a directory of the test into the server."""
        packed = subprocess.run(
            ["tar", "-C", source.parent, "-cf", "-", source.name], check=True, capture_output=True
        )
        folder, _, name = to.rpartition("/")
        self.must("mkdir", "-p", folder)
        unpack = [
            "tar",
            "-C",
            folder,
            "--no-same-owner",
            f"--transform=s/^{source.name}/{name}/",
            "-xf",
            "-",
        ]
        self.fed(packed.stdout, *unpack)

    def fed(self, content: bytes, *words: str) -> bytes:
        """Run a command that reads the content; return its output."""
        done = subprocess.run(
            [*self.inside, *words], input=content, stdout=subprocess.PIPE, check=True
        )
        return done.stdout

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as root would type it, and wait for it."""
        words = [
            "env",
            "-i",
            *(f"{name}={value}" for name, value in ENVIRONMENT.items()),
            "bash",
            "-c",
            f"cd {HOME}\n{line}",
        ]
        return self.run(*words)

    def type(self, line: str) -> str:
        """Run a line that must succeed; return its output."""
        done = self.typed(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def install_reversi(self) -> None:
        """Install reversi as the README says, up to `init`. Later servers of a run get a copy of
        what pip installed.
        """
        with one_by_one:
            if installed:
                self.fed(installed[0], "tar", "-C", PREFIX, "-xf", "-")
            else:
                self.type(f"{PREFIX}/bin/pip install --quiet ~/reversi")
                self.type(f"{PREFIX}/bin/reversi-checker --version")
                installed.append(self.fed(b"", "tar", "-C", PREFIX, "-cf", "-", "."))
        self.type(LINKS)
        self.must("systemctl", "start", "ssh.service")
        until(lambda: self.listens(22), "sshd listens")

    def init(self) -> None:
        self.type(f"reversi-checker init --gateway {NAME}:22")
        self.write("/etc/reversi/reversi.toml", self.read("/etc/reversi/reversi.toml") + FAST)
        self.must("systemctl", "restart", "reversi-checker.service")

    def add_device(self, node: str, forward: str) -> None:
        """Add a node whose device is this server, with its bundle as a service."""
        self.type(
            f"reversi-checker node add {node} --forward {forward} && reversi-client build {node}"
            f" && sh {node}.sh install"
        )

    def probed(self, node: str) -> str:
        """Probe the node now; return what the gateway prints."""
        return self.typed(f"reversi-checker probe {node}").stdout

    def await_up(self, node: str) -> None:
        """Wait for a node with one forward; checking the port costs less than a probe."""
        port = re.search(r"port = (\d+)", self.read(f"/etc/reversi/nodes/{node}.toml"))
        assert port
        until(lambda: self.listens(int(port[1])), f"{node} listens")
        until(lambda: ": up" in self.probed(node), f"{node} is up")


def make_checkout(folder: Path) -> Path:
    """Make a repository of our code with two commits, tagged as an older release and this one."""
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for name in PACKAGES:
        shutil.copytree(
            CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in FILES:
        shutil.copy(CHECKOUT / name, folder / name)
    (folder / ".gitignore").write_text("build/\n*.egg-info/\n", encoding="utf-8")
    subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
    for version in ("0.0.9", "0.1.0"):
        (folder / "RELEASE").write_text(f"{version}\n", encoding="utf-8")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", f"Release {version}"], check=True)
        subprocess.run([*git, "tag", f"v{version}"], check=True)
    return folder
