"""A device with directories and processes of its own, and a real SSH server for its admin."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

from bench.inside import accounts_at_rest
from tests.programs import require, run_program
from tests.system.ports import accepts_inside, free_port
from tests.system.waiting import until

BUILD = """
set -e
mount --make-rprivate /
mount -t proc proc /proc
for name in passwd group shadow nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives hosts shells ssh; do
    [ ! -e "/etc/$name" ] || cp -a "/etc/$name" "$1/etc/"
done
printf '#!/bin/sh\\nexit 0\\n' >"$1/etc/rc.local"
chmod 755 "$1/etc/rc.local"
mount --bind "$1/etc" /etc
admin=$(cat "$1/admin.pub") host=$1/host
for place in /run /root; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
for program in screen crontab; do
    ! path=$(command -v "$program") || mount --bind /dev/null "$path"
done
mkdir -m 700 /run/sshd /root/.ssh
printf '%s\\n' "$admin" >/root/.ssh/authorized_keys
cp "$host" /etc/device_key
mount -t tmpfs -o mode=1777 tmpfs /tmp
shift
exec "$@"
"""  # noqa: E501 - one line of what runs
"""Give it what a device of no particular platform has: rc.local, and neither screen nor crontab."""
SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey /etc/device_key
StrictModes no
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""


class MountedDevice:
    """Its SSH server is its first process: when that is killed, all of it ends."""

    def __init__(
        self, folder: Path, admin: Path, *, dropbear: bool = False, inside: tuple[str, ...] = ()
    ) -> None:
        require("unshare", "sshd", "ssh", "ssh-keygen", "mount")
        self.admin = admin
        self.inside = inside
        self.folder = folder
        self.port = free_port()
        (folder / "etc").mkdir(parents=True)
        shutil.copy(f"{admin}.pub", folder / "admin.pub")
        with ExitStack() as ends:
            words = self.dropbear() if dropbear else self.sshd()
            with accounts_at_rest():
                with (folder / "log").open("wb") as log:
                    self.process = subprocess.Popen(
                        [
                            *(*inside, "unshare", "--mount", "--pid", "--fork", "--kill-child"),
                            *("sh", "-c", BUILD, "build", str(folder), *words),
                        ],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                    )
                ends.callback(self.close)
                until(self.is_ready, "the device's SSH server listens")
            ends.pop_all()

    def is_ready(self) -> bool:
        return accepts_inside(self.inside, self.port, "127.0.0.1")

    def sshd(self) -> list[str]:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host")]
        subprocess.run(words, check=True)
        (self.folder / "etc/device_sshd").write_text(SSHD.format(port=self.port))
        return [shutil.which("sshd") or "sshd", "-D", "-e", "-f", "/etc/device_sshd"]

    def dropbear(self) -> list[str]:
        require("dropbear", "dropbearkey")
        words = ["dropbearkey", "-t", "ed25519", "-f", str(self.folder / "host")]
        subprocess.run(words, check=True, capture_output=True)
        place = f"127.0.0.1:{self.port}"
        return ["dropbear", "-F", "-E", "-s", "-r", "/etc/device_key", "-p", place]

    def run(self, command: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on the device, over its own SSH server."""
        options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
        words = [word for option in options for word in ("-o", option)]
        return run_program(
            [
                *self.inside,
                *("ssh", "-F", "/dev/null", "-i", str(self.admin), "-p", str(self.port), *words),
                *("-o", "LogLevel=ERROR", "root@127.0.0.1", command),
            ],
            input=said,
        )

    def ok(self, command: str, said: str = "") -> str:
        done = self.run(command, said)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def knows(self, name: str, address: str) -> None:
        """Let it resolve a name."""
        self.ok(f"printf '%s\\n' '{address} {name}' >>/etc/hosts")

    def close(self) -> None:
        self.process.kill()  # --kill-child passes it on
        self.process.wait()
