"""The kinds of client, and one that runs on a device: its processes, its log and its hang."""

from __future__ import annotations

import contextlib
import enum
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import psutil

from bench.bundles import SHELLS, bundle
from bench.links.network import GATEWAY, Link
from bench.links.transfer import SERVICE_PORT
from bench.setting import Gateway, Member, listening, until, write_private
from checker.model import parse_name
from checker.sshd.program import find_sshd
from client.bundle.settings import Settings
from demo.processes import program, start
from demo.stage import free_ports

RELAY = Path(__file__).parents[2] / "tests/system/relay.py"
ALIVE = ("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3")
AGAIN = 'trap \'kill "$!"; exit\' TERM; while :; do "$@" & wait "$!"; sleep 3 & wait "$!"; done'
"""The loop in sh that an admin may put around `ssh -R`."""
AUTOSSH_POLL_S = 30
LOCALHOST = "127.0.0.1"


class Kind(enum.Enum):
    """The kinds of client."""

    PYTHON = "Python client"
    OPENSSH = "OpenSSH bundle"
    DROPBEAR = "dropbear bundle"
    PLAIN = "plain ssh -R"
    AUTOSSH = "autossh -M, no daemon"
    REFERENCE = "plain ssh, no daemon"

    @property
    def beats(self) -> bool:
        """Whether it beats every few seconds, and so notices a hang itself."""
        return self in {Kind.PYTHON, Kind.OPENSSH, Kind.DROPBEAR}

    @property
    def is_watched(self) -> bool:
        """Whether our daemon runs at its gateway."""
        return self not in {Kind.AUTOSSH, Kind.REFERENCE}


PROGRAMS = {
    Kind.OPENSSH: ("ssh",),
    Kind.DROPBEAR: ("dbclient", "busybox"),
    Kind.PLAIN: ("ssh",),
    Kind.AUTOSSH: ("autossh", "ssh"),
    Kind.REFERENCE: ("ssh",),
}


class BareServer:
    """An sshd without a checker, for plain ssh and autossh."""

    def __init__(self, server: Gateway) -> None:
        self.server = server
        self.keys = server.home / "bare_keys"
        (self.port,) = free_ports(1)

    def member(self, port: int) -> Member:
        """Make an unregistered device: the checker would probe and kill a registered one."""
        key = asyncssh.generate_private_key("ssh-ed25519")
        path = self.server.home / f"bare{port}.key"
        write_private(path, key.export_private_key())
        return Member(name=parse_name(f"bare{port}"), port=port, key=path, config=path)

    async def start(self, members: Sequence[Member]) -> None:
        """Start the sshd with the members' keys. Raises DemoFailed."""
        home = self.server.home
        keys = [
            asyncssh.read_private_key(member.key).export_public_key().decode() for member in members
        ]
        self.keys.write_text("".join(keys), encoding="ascii")
        config = home / "bare_sshd_config"
        config.write_text(
            f"ListenAddress {GATEWAY}:{self.port}\nHostKey"
            f" {self.server.layout.host_key}\nAuthorizedKeysFile {self.keys}\nPidFile"
            " none\nStrictModes no\nUsePAM no\nPasswordAuthentication"
            " no\nKbdInteractiveAuthentication no\nMaxStartups 100\n",
            encoding="ascii",
        )
        argv = [find_sshd(), "-D", "-E", str(home / "bare_sshd.log"), "-f", str(config)]
        self.server.processes.append(
            await start(argv, log=home / "bare_sshd.log", env=self.server.env)
        )
        await until(lambda: bool(listening([self.port])))


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """One client on one link."""

    kind: Kind
    link: Link
    member: Member
    log: Path
    process: Process | None = None
    stopped: list[psutil.Process] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.member.port

    def tree(self) -> list[psutil.Process]:
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        return []

    def freeze(self) -> None:
        """Stop all processes of the client, parents first; repeat for those started meanwhile."""
        while fresh := [process for process in self.tree() if process not in self.stopped]:
            for process in fresh:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGSTOP)
                self.stopped.append(process)

    def thaw(self) -> None:
        for process in self.stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self.stopped.clear()


async def start_relay(lane: Lane, server: Gateway, options: list[str]) -> None:
    """Start a relay on the device's loopback, at the gateway's port. Raises DemoFailed."""
    argv = [
        sys.executable,
        str(RELAY),
        f"{LOCALHOST}:{server.port}",
        f"{GATEWAY}:{server.port}",
        *options,
    ]
    relay = await start(
        lane.link.device.inside(*argv),
        log=lane.log.with_suffix(".relay"),
        env=server.env,
        stdout=PIPE,
    )
    server.clients.append(relay)
    assert relay.stdout is not None
    await relay.stdout.readline()


def argv_of(lane: Lane, server: Gateway, bare: BareServer, host: str) -> list[str]:
    """Return the client's command line; `host` is where its device reaches the gateway."""
    member = lane.member
    if lane.kind is Kind.PYTHON:
        text = member.config.read_text(encoding="utf-8")
        member.config.write_text(
            text.replace(f"{GATEWAY}:{server.port}", f"{host}:{server.port}"), encoding="utf-8"
        )
        return [program("reversi-client"), "run", "--config", str(member.config)]
    if lane.kind in {Kind.OPENSSH, Kind.DROPBEAR}:
        client = PROGRAMS[lane.kind][0]
        script = bundle(server, member, Settings(client=client), SERVICE_PORT, host=host)
        return [*SHELLS[client], str(script), "run"]
    forward = f"{member.port}:127.0.0.1:{SERVICE_PORT}"
    where = ("-o", f"HostKeyAlias=[{GATEWAY}]:{server.port}", "-o", f"HostName={host}")
    ssh = server.ssh(member.key, "-N", *ALIVE, *where, "-R", forward)
    if not lane.kind.is_watched:
        ssh = ["ssh", "-p", str(bare.port), *ssh[1:]]
    if lane.kind is Kind.AUTOSSH:
        return ["autossh", "-M", str(free_ports(1)[0]), *ssh[1:]]
    return ["sh", "-c", AGAIN, "again", *ssh]


async def begin(lane: Lane, server: Gateway, bare: BareServer, *, host: str = GATEWAY) -> None:
    """Start the client on its device. Raises DemoFailed."""
    env = {
        **server.env,
        "AUTOSSH_GATETIME": "0",
        "AUTOSSH_POLL": str(AUTOSSH_POLL_S),
        "AUTOSSH_LOGLEVEL": "6",
    }
    argv = argv_of(lane, server, bare, host)
    lane.process = await start(lane.link.device.inside(*argv), log=lane.log, env=env)
    server.clients.append(lane.process)
