"""A stock server to try `init` on: our programs, with its own network, /etc, /run and /var/lib."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.inside import accounts_at_rest
from tests.programs import run_program
from tests.system.accounts import Install
from tests.system.clients import Device
from tests.system.processes import end_one
from tests.system.services import Stranger
from tests.system.waiting import until
from tests.system.warm import Warm

BUILD = """
set -e
mount --make-rprivate /
mkdir -p "$1/etc"
cp -a /etc/. "$1/etc/"
mount --bind "$1/etc" /etc
for place in /run /var/lib /var/log /opt; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir /opt/reversi /run/sshd
mount --bind "$2" /opt/reversi
rm -f /etc/ssh/sshd_config.d/*.conf /etc/sysctl.d/*reversi* /etc/tmpfiles.d/*reversi*
rm -rf /etc/reversi
printf '%s\\n' 'Port 2222' 'KexAlgorithms curve25519-sha256' >/etc/ssh/sshd_config.d/10-port.conf
for kind in UID GID; do printf '%s\\n' "SYS_${kind}_MIN $3" "SYS_${kind}_MAX $(($3 + 7))"; done >>/etc/login.defs
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
"""  # noqa: E501 - one line of what runs
READ_ONLY = """
set -e
mount --make-rprivate /
for place in /run/reversi /var/lib/reversi; do mount --bind "$place" "$place"; done
for place in /etc /run /var/lib /opt /; do mount -o remount,bind,ro "$place"; done
exec "$@"
"""
"""Mount everything read-only as ProtectSystem=strict does, except what StateDirectory and
RuntimeDirectory keep writable.
"""
PYTHON = "/opt/reversi/venv/bin/python"
SSH_PORT = 2222
KEY_FILE, KEYS = "/etc/reversi/authorized_keys", "/etc/reversi/keys"


class Machine:
    """A mount and a network namespace, alive as long as a process that sleeps in them."""

    def __init__(self, install: Install) -> None:
        self.inside: tuple[str, ...] = ()
        self.sshd: subprocess.Popen[bytes] | None = None
        self.daemon: subprocess.Popen[bytes] | None = None
        self.ears: socket.socket | None = None
        self.warm: Warm | None = None
        self.is_warm = True
        """False: commands start as programs, as the interpreter or the package is replaced."""
        with ExitStack() as ends:
            self.ends = ends
            self.build(install)
            self.ends = ends.pop_all()

    def build(self, install: Install) -> None:
        """Make the server; `ends` undoes each step, at `close` or if a later step fails."""
        self.folder = Path(tempfile.mkdtemp(prefix="reversi-machine-"))
        self.ends.callback(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.sleeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "sleep", "3600"], stdin=subprocess.DEVNULL
        )
        self.ends.callback(self.stop)
        own = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{self.sleeper.pid}/ns/net").readlink() != own, "a namespace")
        spaces = f"/proc/{self.sleeper.pid}/ns"
        self.inside = ("nsenter", f"--mount={spaces}/mnt", f"--net={spaces}/net", "--")
        source = str(Path(install.python).parents[2])
        # ids that no other machine uses: userdel looks at the processes of all machines
        ids = 300_000 + 8 * self.sleeper.pid
        with accounts_at_rest():
            self.must("sh", "-c", BUILD, "build", str(self.folder), source, str(ids))
        self.must("ip", "link", "set", "lo", "up")

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        settings = {"cwd": "/", **options}
        return run_program([*self.inside, *words], timeout=400, **settings)

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def checker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of `reversi-checker`, as root."""
        if not self.is_warm:
            return self.run(PYTHON, "-I", "-m", "checker", *words)
        if self.warm is None:
            self.warm = Warm(*self.inside, PYTHON, "-I")
            self.ends.callback(self.warm.close)
        return self.warm.run(words, {"cwd": "/", "env": os.environ}, within_s=400)

    def ok(self, *words: str) -> str:
        done = self.checker(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-c", 'mkdir -p "${1%/*}"; cat >"$1"', "write", path, stdin=None, input=text)

    def read(self, path: str) -> str:
        return self.must("cat", path)

    def key_text(self) -> str:
        """Every key line that sshd reads, in one file or in a file for each key; hidden files are
        still being written.
        """
        files = f"find {KEYS} -type f ! -name '.*' 2>/dev/null"
        return self.must("sh", "-c", f"cat {KEY_FILE}; {files} | sort | xargs -r cat")

    def has(self, path: str) -> bool:
        return self.run("test", "-e", path).returncode == 0

    def etc(self) -> dict[str, bytes]:
        """Every file under /etc."""
        place = self.folder / "etc"
        return {
            str(path.relative_to(place)): path.read_bytes()
            for path in place.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def start_sshd(self) -> None:
        """Start the server from the machine's own configuration."""
        words = [*self.inside, shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e"]
        with (self.folder / "sshd.log").open("wb") as log:
            self.sshd = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: self.listens(SSH_PORT), "sshd listens")

    def listens(self, port: int) -> bool:
        return bool(self.must("ss", "-Hltn", f"sport = :{port}"))

    def unit(self) -> dict[str, str]:
        """The service's settings."""
        lines = self.read("/etc/systemd/system/reversi-checker.service").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def start_daemon(self, *, without: str = "") -> None:
        """Start the daemon with the unit's command, user, capabilities and read-only mounts."""
        unit = self.unit()
        names = [
            name.removeprefix("CAP_").lower()
            for name in unit["AmbientCapabilities"].split()
            if name != without
        ]
        wanted = ",".join(["-all", *(f"+{name}" for name in names)])
        self.ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard = self.folder / "notify"
        heard.unlink(missing_ok=True)
        self.ears.bind(str(heard))
        heard.chmod(0o777)
        self.ears.settimeout(150)
        words = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            READ_ONLY,
            "read-only",
            "setpriv",
            f"--reuid={unit['User']}",
            f"--regid={unit['Group']}",
            "--clear-groups",
            f"--inh-caps={wanted}",
            f"--ambient-caps={wanted}",
            f"--bounding-set={wanted}",
            "--no-new-privs",
            "env",
            f"NOTIFY_SOCKET={heard}",
            *unit["ExecStart"].removesuffix(" $ARGS").split(),
        ]
        with (self.folder / "daemon.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                [*self.inside, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.hear("READY=1")

    def hear(self, wanted: str) -> None:
        """Wait until the daemon sends its supervisor this message."""
        assert self.ears is not None
        assert self.daemon is not None
        try:
            while self.ears.recv(4096).decode() != wanted:
                continue
        except TimeoutError:
            raise AssertionError(
                f"not heard: {wanted}\n{(self.folder / 'daemon.log').read_text()}"
            ) from None

    def stop_daemon(self) -> None:
        assert self.daemon is not None
        assert self.ears is not None
        end_one(self.daemon)
        self.ears.close()
        self.daemon = None

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(encoding="utf-8", errors="replace")

    def service(self) -> Stranger:
        """A target that greets like an SSH server."""
        return Stranger(0, banner="SSH-2.0-target", inside=self.inside)

    def add(self, name: str, port: int, target: int) -> Device:
        """Add a node, and write the files of its client."""
        config = self.folder / f"{name}.toml"
        self.ok(
            "node",
            "add",
            name,
            "--forward",
            f"{port}=127.0.0.1:{target},banner:SSH-2.0",
            "--client-config",
            str(config),
        )
        return Device(
            node=name,
            ports=(port,),
            targets=(f"127.0.0.1:{target}",),
            user="reversi",
            host="127.0.0.1",
            ssh_port=SSH_PORT,
            host_key=self.read("/etc/ssh/ssh_host_ed25519_key.pub").rstrip(),
            config=config,
            inside=self.inside,
        )

    def close(self) -> None:
        self.ends.close()

    def stop(self) -> None:
        """End sshd, the daemon, and the process that keeps the namespaces alive."""
        for started in (self.daemon, self.sshd):
            if started is not None:
                end_one(started)
        if self.ears is not None:
            self.ears.close()
        self.sleeper.kill()
        self.sleeper.wait()


def verdicts(machine: Machine) -> dict[str, dict[str, object]]:
    """The doctor's findings by name."""
    said = machine.checker("doctor", "--json")
    assert said.stderr == ""
    document = json.loads(said.stdout)
    assert document["schema"] == 1
    assert said.returncode == (0 if document["ok"] else 1)
    return {check["name"]: check for check in document["checks"]}


def wrong(machine: Machine) -> set[str]:
    """What the doctor finds wrong."""
    return {name for name, one in verdicts(machine).items() if one["ok"] is False}


def statuses(machine: Machine) -> list[str]:
    return [
        tunnel["status"]
        for tunnel in json.loads(machine.checker("status", "--json").stdout)["tunnels"]
    ]


def status(machine: Machine) -> str:
    return statuses(machine)[0]


def events(machine: Machine) -> list[str]:
    return [event["kind"] for event in json.loads(machine.ok("log", "--json"))["events"]]
