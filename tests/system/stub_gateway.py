"""A real sshd on a free port of the loopback, with a stub in the checker's place."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from checker.tunnels.sent_away import DRAINS
from tests.system.ports import free_port
from tests.system.processes import end_all
from tests.system.waiting import until

SSHD = Path("/usr/sbin/sshd")
PRIVSEP = Path("/run/sshd")
DEADLINE_S = 100.0

FORCED = """#!/bin/sh
cd "$1" || exit 1
verb=${SSH_ORIGINAL_COMMAND%% *}
printf '%s %s\\n' "$SSH_ORIGINAL_COMMAND" "$$" >> asked
case $verb in
    claim) cat claim ;;
    check) cat check ;;
    hold)
        while read -r line; do
            [ ! -e drains ] || { echo 'reversi: DRAINS' >&2; exit 75; }
            echo >> beats
            cat verdict
        done
        ;;
    *) echo 0; echo 'not understood' >&2; exit 64 ;;
esac
"""

SSHD_CONFIG = """
Port {port}
ListenAddress {host}
HostKey {home}/host
PidFile {home}/sshd.pid
AuthorizedKeysFile {home}/authorized_keys
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin forced-commands-only
AllowTcpForwarding remote
PermitTTY no
X11Forwarding no
LogLevel DEBUG3
"""


def make_key(path: Path) -> str:
    """Make a key pair; return its public half."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path],
        check=True,
        timeout=200,
    )
    return Path(f"{path}.pub").read_text().strip()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as channel:
            channel.settimeout(1)
            return channel.recv(4) == b"SSH-"
    except OSError:
        return False


class StubGateway:
    """sshd, the node's key, and the files that hold the answers."""

    def __init__(
        self,
        home: Path,
        permitted: tuple[int, ...],
        *,
        inside: tuple[str, ...] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.home, self.port, self.inside = home, free_port(), inside
        self.permitted = permitted
        self.user = pwd.getpwuid(os.getuid()).pw_name
        home.mkdir()
        self.host_key = make_key(home / "host")
        self.node_key = make_key(home / "node")
        (home / "stub").write_text(FORCED.replace("DRAINS", DRAINS))
        (home / "sshd_config").write_text(SSHD_CONFIG.format(port=self.port, home=home, host=host))
        self.permit(permitted)
        self.answer(claim=0, verdict=0, check=0)
        self.sshd: subprocess.Popen[bytes] | None = None

    def permit(self, ports: tuple[int, ...]) -> None:
        """Replace authorized_keys, which sshd may be reading."""
        listens = ",".join(f'permitlisten="localhost:{port}"' for port in ports)
        line = (
            f'restrict,port-forwarding,{listens},command="exec /bin/sh {self.home}/stub'
            f' {self.home}" {self.node_key}\n'
        )
        new = self.home / "authorized_keys.new"
        new.write_text(line)
        new.replace(self.home / "authorized_keys")

    def answer(self, **numbers: int) -> None:
        """Set the answers to claim, check and beats (verdict) from now on."""
        for verb, number in numbers.items():
            path = self.home / f"{verb}.new"
            path.write_text(f"{number}\n")
            path.replace(self.home / verb)

    def asked(self, verb: str) -> list[tuple[str, int]]:
        """The requests so far with that verb, and the PID that served each."""
        path = self.home / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        found = (line.rpartition(" ") for line in lines if line.startswith(verb))
        return [(request, int(pid)) for request, _, pid in found]

    def beats(self) -> int:
        """The number of lines that any hold has answered."""
        path = self.home / "beats"
        return len(path.read_bytes()) if path.exists() else 0

    def start(self) -> None:
        log = self.home / "sshd.log"
        if os.getuid() == 0:
            # sshd as root refuses to start without it, and only its systemd unit makes it
            PRIVSEP.mkdir(exist_ok=True)
        self.sshd = subprocess.Popen(
            [*self.inside, SSHD, "-D", "-f", self.home / "sshd_config", "-E", log]
        )
        if self.inside:
            until(
                lambda: log.exists() and "Server listening" in log.read_text(),
                f"sshd listens ({log})",
            )
        else:
            until(lambda: answers(self.port), f"sshd answers ({log})")

    def stop(self) -> None:
        """End sshd and the connections that it serves."""
        if self.sshd is None:
            return
        sessions = psutil.Process(self.sshd.pid).children(recursive=True)
        self.sshd.terminate()
        self.sshd.wait(150)
        self.sshd = None
        end_all(sessions)


@contextlib.contextmanager
def stub_gateway(
    home: Path, permitted: tuple[int, ...], *, inside: tuple[str, ...] = (), host: str = "127.0.0.1"
) -> Iterator[StubGateway]:
    """Run a stub gateway for the block.

    `inside` is the command prefix that enters the gateway's namespaces; `host` is its address
    there.
    """
    gateway = StubGateway(home, permitted, inside=inside, host=host)
    try:
        gateway.start()
        yield gateway
    finally:
        for _request, pid in gateway.asked(""):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        gateway.stop()
        shutil.rmtree(home)
