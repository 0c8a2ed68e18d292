"""The `.deb` of this checkout, a newer one, and a server with systemd to install them on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.system.accounts import Install
from tests.system.booted import Booted

CHECKOUT = Path(__file__).parents[2]
NAME = "reversi-ssh"
NEWER = "99.0.0"
EARLIER = "0.1.9"
EARLIER_SCRIPTS = CHECKOUT / "tests/data/earlier_package"
GATEWAY = "gateway.example.org"
PLACES = """
set -e
upper=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$upper"
mkdir "$upper/files" "$upper/work"
mount -t overlay -o "lowerdir=/usr,upperdir=$upper/files,workdir=$upper/work" overlay /usr
umount -l "$upper"
rmdir "$upper"
rm -f /usr/sbin/policy-rc.d
mkdir /var/lib/dpkg
mount --bind "$1" /var/lib/dpkg
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/fast
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
mount --bind "${1%/*}" /mnt
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p "${1%/*}"
mount --move /mnt "${1%/*}"
mount -t tmpfs -o mode=700 tmpfs /root
mount -t tmpfs tmpfs /var/backups
echo 'APT::Get::Assume-Yes "true";' >/etc/apt/apt.conf.d/yes
mkdir -m 700 /root/.ssh
mkdir /opt/bin
umount /opt/reversi
rmdir /opt/reversi
printf '127.0.0.1 localhost %s\\n' "$2" >/etc/hosts
printf '%s\\n' 'Port 22' 'Port 2222' 'KexAlgorithms curve25519-sha256' >/etc/ssh/sshd_config.d/10-port.conf
ip address add 192.168.1.1/32 dev lo
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
printf 'Host *\\n  StrictHostKeyChecking accept-new\\n  LogLevel ERROR\\n' >/root/.ssh/config
printf '#!/bin/sh\\nexec "$@"\\n' >/opt/bin/sudo
chmod 755 /opt/bin/sudo
"""  # noqa: E501 - one line of what runs
ENVIRONMENT = (
    "HOME=/root",
    "LANG=C.UTF-8",
    "PATH=/opt/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND=noninteractive",
)


INTO_OPT = """
set -e
cd /root
dpkg-deb --extract reversi-ssh_OLD.deb tree
cd tree/usr/lib/reversi
python3 -m venv --without-pip /opt/reversi
cp -a packages/. /opt/reversi/lib/python3*/site-packages
for command in reversi-checker reversi-client reversi-tui; do
    sed '1s|.*|#!/opt/reversi/bin/python|' "bin/$command" >"/opt/reversi/bin/$command"
    chmod 755 "/opt/reversi/bin/$command"
    ln -s "/opt/reversi/bin/$command" /usr/local/bin/
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debs:
    """The package, its unpacked tree, and the same package as a newer version."""

    source: Path
    """The source distribution of the same build."""
    present: Path
    tree: Path
    newer: Path
    earlier: Path
    """One that shipped neither units nor files in /etc: its `init` wrote the units there."""


def make_debs(folder: Path) -> Debs:
    """Build the package as `./run package` does, but hardly compress it."""
    build = [sys.executable, str(CHECKOUT / "packaging/build.py"), "--fast", "--dist", str(folder)]
    made = subprocess.run(build, check=True, capture_output=True, text=True, timeout=300).stdout
    source, present = map(Path, made.splitlines()[-2:])
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", present, tree], check=True)
    newer = other_release(tree, folder / "newer", NEWER)
    earlier = other_release(tree, folder / "earlier", EARLIER)
    without_units(earlier)
    return Debs(
        source=source, present=present, tree=tree, newer=packed(newer), earlier=packed(earlier)
    )


def other_release(tree: Path, place: Path, version: str) -> Path:
    """Copy the unpacked package as another version."""
    shutil.copytree(tree, place, symlinks=True, copy_function=os.link)
    for name in (
        "DEBIAN/control",
        "usr/lib/reversi/packages/checker/__init__.py",
        "usr/lib/reversi/bin/reversi-checker",
    ):
        edit(place / name, r"\b\d+\.\d+\.\d+[.~]\w+", version)
    return place


def without_units(place: Path) -> None:
    """Make it a package from before they were shipped."""
    for name in ("etc", "usr/lib/systemd"):
        shutil.rmtree(place / name)
    (place / "DEBIAN/conffiles").unlink()
    for script in EARLIER_SCRIPTS.glob("*.sh"):
        edit(place / "DEBIAN" / script.stem, r"(?s).+", script.read_text(encoding="utf-8"))
    texts = place / "usr/lib/reversi/packages/checker/install/unit_files.py"
    edit(texts, r"Condition.*toml\\n|Environment.*\\n| \$ARGS", "")


def packed(place: Path) -> Path:
    made = place.with_suffix(".deb")
    pack = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(place), str(made)]
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    return made


def edit(file: Path, pattern: str, text: str) -> None:
    """Replace what matches in a file that another tree links to."""
    changed = re.sub(pattern, lambda _: text, file.read_text(encoding="utf-8"))
    mode = file.stat().st_mode
    file.unlink()
    file.write_text(changed, encoding="utf-8")
    file.chmod(mode)


class DebServer(Booted):
    """A stock server with systemd, on which the package can be installed: its own /usr and dpkg.

    It is its own device, which it reaches as root@192.168.1.1.
    """

    def __init__(self, nothing: Path) -> None:
        """`nothing`: an empty directory, as no reversi is installed beside the package."""
        super().__init__(Install(words=(), python=str(nothing / "venv/bin/python")))
        self.is_warm = False

    def build(self, install: Install) -> None:
        super().build(install)
        known = self.folder / "dpkg"
        subprocess.run(["cp", "-a", "/var/lib/dpkg", known], check=True)
        self.must("sh", "-c", PLACES, "places", str(known), GATEWAY)

    def unit(self) -> dict[str, str]:
        """The service's settings, wherever its unit is."""
        lines = self.must("systemctl", "cat", "reversi-checker.service").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def checker(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("env", "-i", *ENVIRONMENT, "reversi-checker", *words)

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line as root would type it, and wait for it."""
        return self.run("env", "-i", *ENVIRONMENT, "bash", "-c", f"cd /root\n{line}")

    def type(self, line: str) -> str:
        """Run a line that must succeed; return its output."""
        done = self.typed(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def bring(self, file: Path, name: str) -> None:
        """Copy a file of the test to /root."""
        with file.open("rb") as content:
            words = [*self.inside, "sh", "-c", 'cat >"/root/$1"', "bring", name]
            subprocess.run(words, stdin=content, check=True)

    def holder(self, port: int) -> str:
        """The process that listens on the port, as `users:(("sshd",pid=N,fd=N))`."""
        return self.must("ss", "-Hltnp", f"sport = :{port}").split()[-1]

    def install_into_opt(self) -> None:
        """Install reversi as those do who have no package."""
        self.must("sh", "-c", INTO_OPT)

    def uninstall_package(self) -> None:
        if self.run("dpkg", "-s", NAME).returncode == 0:
            self.type(f"apt-get purge -qq {NAME}")
