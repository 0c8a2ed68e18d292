"""A stock server that boots a real systemd as its first process, as far as our services need it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.system.accounts import Install
from tests.system.clients import Device
from tests.system.machine import SSH_PORT, Machine
from tests.system.waiting import until

TARGET = """[Unit]
Description=what the services of a test need
DefaultDependencies=no
Requires=systemd-journald.service
After=systemd-journald.service
"""
PREPARE = """
set -e
rm -rf /etc/fstab /etc/systemd/system/*.wants /etc/systemd/system/*.requires
for unit in /lib/systemd/system/*.target.wants/*; do
    name=${unit##*/}
    case $name in systemd-journald*) ;; *) ln -sf /dev/null "/etc/systemd/system/$name" ;; esac
done
"""
"""Mask every service of this machine, and every unit that would set up the shared kernel."""
BOOT = """
set -e
mount --make-rprivate /
groups=$(mktemp -d)
mount -t cgroup2 cgroup2 "$groups"
mkdir "$groups/$1"
echo $$ >"$groups/$1/cgroup.procs"
exec unshare --cgroup --pid --uts --ipc --fork --kill-child sh -c "$2" boot "$groups"
"""
FIRST = """
set -e
umount "$1"
rmdir "$1"
mount --make-shared /run
mount -t proc proc /proc
mount --bind /sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
dev=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$dev"
for name in null zero full random urandom tty; do touch "$dev/$name" && mount --bind "/dev/$name" "$dev/$name"; done
mkdir "$dev/shm" "$dev/pts"
mount -t tmpfs tmpfs "$dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$dev/pts"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
mount --move "$dev" /dev
rmdir "$dev"
exec env -i container=reversi-tests PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=tests.target \
    --log-target=console --log-level=notice --show-status=0
"""  # noqa: E501 - one line of what runs
"""`/run` is shared, as on every server: else systemd cannot hand credentials to services."""
FORGET = """
mount -t cgroup2 cgroup2 /mnt
[ ! -e "/mnt/$1" ] || find "/mnt/$1" -depth -type d -exec rmdir {} +
"""
SPACES = {
    "mount": "mnt",
    "net": "net",
    "pid": "pid",
    "cgroup": "cgroup",
    "uts": "uts",
    "ipc": "ipc",
}


class Booted(Machine):
    """The machine seen from inside; it ends with its first process."""

    def build(self, install: Install) -> None:
        super().build(install)
        self.write("/etc/systemd/system/tests.target", TARGET)
        self.must("sh", "-c", PREPARE)
        with (self.folder / "systemd.log").open("wb") as log:
            words = [
                *self.inside,
                "unshare",
                "--mount",
                "sh",
                "-c",
                BOOT,
                "boot",
                self.folder.name,
                FIRST,
            ]
            self.boot = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.ends.callback(self.power_off)
        pid = until(self.first, "a first process")
        self.beside = self.inside
        self.inside = (
            "nsenter",
            *(f"--{name}=/proc/{pid}/ns/{file}" for name, file in SPACES.items()),
            "--",
        )
        self.ends.callback(self.stop_services)
        until(
            lambda: self.run("systemctl", "is-active", "tests.target").stdout == "active\n",
            "systemd runs",
        )

    def first(self) -> int | None:
        """The PID of systemd, as the test sees it."""
        assert self.boot.poll() is None, (self.folder / "systemd.log").read_text()
        for child in (
            Path(f"/proc/{self.boot.pid}/task/{self.boot.pid}/children").read_text().split()
        ):
            with contextlib.suppress(OSError):  # those of the script before it end soon
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
        return None

    def start_sshd(self) -> None:
        self.must("systemctl", "start", "ssh.service")
        until(lambda: self.listens(SSH_PORT), "sshd listens")

    def add(self, name: str, port: int, target: int) -> Device:
        """Add a node; its client runs outside the machine, so that a test can freeze it by PID."""
        return replace(super().add(name, port, target), inside=self.beside)

    def journal(self, unit: str) -> str:
        return self.must("journalctl", "--no-pager", "--unit", unit)

    def logged(self, unit: str) -> list[tuple[int, str]]:
        """The priority and the text of each line that the unit's own processes wrote."""
        words = ("journalctl", "--no-pager", "--output=json", "--unit", unit, "_TRANSPORT=stdout")
        entries = [json.loads(line) for line in self.must(*words).splitlines()]
        return [(int(entry["PRIORITY"]), entry["MESSAGE"]) for entry in entries]

    def await_no_units(self) -> None:
        """Wait until systemd has forgotten our units, as it does some time after they ended."""
        words = ("systemctl", "list-units", "--all", "--no-pager", "--plain", "reversi-*")
        until(lambda: "0 loaded units" in self.must(*words), "no unit of ours is loaded")

    def main_pid(self, unit: str) -> int:
        """The PID of the service's first process, as systemd sees it."""
        return int(self.must("systemctl", "show", "--property=MainPID", "--value", unit))

    @property
    def boot_pid(self) -> int:
        """The PID of the server's systemd, as the test sees it."""
        return int(self.inside[1].split("/")[2])

    def stop_services(self) -> None:
        """Stop our services; systemd removes their PrivateTmp directories a moment later."""
        places = self.private_places()
        self.run("systemctl", "stop", "reversi-*.service")
        until(
            lambda: not any(place.exists() for place in places),
            "no directory of PrivateTmp is left",
        )

    def private_places(self) -> set[Path]:
        """The directories that PrivateTmp made for this server's services; their processes see
        them as /tmp and /var/tmp.

        Those of all servers are in this machine's /tmp.
        """
        mounts = self.run("sh", "-c", "cat /proc/[0-9]*/mountinfo 2>/dev/null").stdout
        return {
            Path(place, name)
            for place in ("/tmp", "/var/tmp")
            for name in re.findall(r"systemd-private-[^/ ]+-reversi-[^/ ]+", mounts)
        }

    def power_off(self) -> None:
        """Kill systemd and its namespace, and remove its control groups."""
        self.boot.kill()  # --kill-child passes it on
        self.boot.wait()
        forget = ["unshare", "--mount", "sh", "-c", FORGET, "forget", self.folder.name]
        until(
            lambda: subprocess.run(forget, capture_output=True, check=False).returncode == 0,
            "its groups are gone",
        )
