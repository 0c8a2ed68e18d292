"""The common setting of the benchmarks: a private gateway, its registered nodes, and logins."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import psutil

from bench.banner import BANNER, greet
from bench.console_plan import FULL_PLAN, QUICK_PLAN, ConsolePlan
from checker.config.layout import Layout, home_layout
from checker.config.settings import Config
from checker.control.client import Control
from checker.control.client_files import client_config
from checker.linux.sockets import read_listeners
from checker.model import Forward, Node, NodeName, Port, parse_expect, parse_name, parse_target
from checker.registry.authorized_keys import gate_command, write_keys
from checker.registry.lock import locked
from checker.registry.node_file import node_toml
from checker.sshd.host_key_files import host_keys
from checker.sshd.keygen import host_key_line
from demo.processes import DemoFailed, end_all, ended_after, environment, program, start, tail
from demo.stage import temporary_home

READY_WITHIN_S = 120.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much each benchmark does."""

    tunnels: int
    rounds: int
    """How often to repeat what gives one figure."""
    trials: int
    registered: int
    watch_s: float
    outages_s: tuple[float, ...]
    megabytes: int
    console: ConsolePlan
    link_minutes: float = 0.0
    """How long to keep tunnels on slow links; 0: measure transfers instead."""


FULL = Scale(
    tunnels=2000,
    rounds=300,
    trials=8,
    registered=10_000,
    watch_s=60.0,
    outages_s=(20.0, 90.0),
    megabytes=512,
    console=FULL_PLAN,
)
QUICK = Scale(
    tunnels=20,
    rounds=10,
    trials=2,
    registered=300,
    watch_s=5.0,
    outages_s=(5.0,),
    megabytes=8,
    console=QUICK_PLAN,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A registered node, and the files of its client."""

    name: NodeName
    port: int
    key: Path
    config: Path


class Gateway:
    """A running gateway."""

    def __init__(
        self, home: Path, listen: str, *, user: str = "", inside: Sequence[str] = ()
    ) -> None:
        self.home = home
        self.layout = home_layout(home)
        self.listen = listen
        self.user = user or psutil.Process().username()
        """Whom the nodes log in as."""
        self.inside = tuple(inside)
        """The words that run a command where this gateway is."""
        self.env = environment(home)
        self.port = 0
        self.processes: list[Process] = []
        self.clients: list[Process] = []
        self.daemon: psutil.Process

    async def start(self, verb: Sequence[str]) -> None:
        """Start the gateway, and wait until it is ready. Raises DemoFailed."""
        log = self.home / "gateway.log"
        process = await start(
            [*self.inside, program("reversi-checker"), "--home", str(self.home), *verb],
            log=log,
            env=self.env,
            stdout=PIPE,
        )
        self.processes.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            line = (await process.stdout.readline()).decode()
        if not line.startswith("ready:"):
            raise DemoFailed(f"the gateway did not become ready:\n{tail(log)}")
        address = re.match(r"ready: sshd at \S+:(\d+),", line)
        self.port = int(address[1]) if address else 0
        self.daemon = psutil.Process(process.pid)

    async def end(self) -> None:
        """End the gateway's processes, but no client."""
        await end_all(self.processes)
        self.processes.clear()

    @property
    def address(self) -> str:
        return f"{self.listen}:{self.port}"

    @property
    def known_hosts(self) -> str:
        return f"[{self.listen}]:{self.port} {host_key_line(self.layout.host_key)}\n"

    async def add(
        self, ports: Sequence[int], target: str, expect: str = "banner:SSH-2.0"
    ) -> list[Member]:
        """Register a node with one forward for each port, all at once."""
        folder = self.home / "clients"
        folder.mkdir(exist_ok=True)
        members = [
            self.register(parse_name(f"node{port}"), port, target, expect, folder) for port in ports
        ]
        await self.use_registry()
        return members

    async def use_registry(self) -> None:
        """Have sshd and the daemon follow the files of the registry."""
        await asyncio.to_thread(write_locked, self.layout)
        await asyncio.to_thread(Control(layout=self.layout).reload)

    def register(self, name: NodeName, port: int, target: str, expect: str, folder: Path) -> Member:
        key = asyncssh.generate_private_key("ssh-ed25519")
        member = Member(
            name=name, port=port, key=folder / f"{name}.key", config=folder / f"{name}.toml"
        )
        write_private(member.key, key.export_private_key())
        forward = Forward(
            node=name, port=Port(port), target=parse_target(target), expect=parse_expect(expect)
        )
        public = " ".join(key.export_public_key().decode().split()[:2])
        node = Node(name=name, public_key=public, forwards=(forward,), added_at=int(time.time()))
        (self.layout.nodes / f"{name}.toml").write_bytes(node_toml(node))
        config = Config(tunnel_user=self.user)
        gateways = [self.address]
        keys = host_keys(self.layout).keys
        write_private(member.config, client_config(config, node, gateways, member.key, keys))
        return member

    async def login(self, key: Path) -> asyncssh.SSHClientConnection:
        """Log in with asyncssh, with only this key."""
        return await asyncssh.connect(
            self.listen,
            self.port,
            username=self.user,
            client_keys=[str(key)],
            config=[],
            agent_path=None,
            known_hosts=asyncssh.import_known_hosts(self.known_hosts),
            kex_algs="^curve25519-sha256",
            keepalive_interval=0,
        )

    def ssh(self, key: Path, *options: str) -> list[str]:
        """Return the command line of OpenSSH's client, without a remote command."""
        hosts = self.home / "known_hosts"
        hosts.write_text(self.known_hosts, encoding="ascii")
        return [
            "ssh",
            "-F",
            "none",
            "-T",
            "-i",
            str(key),
            "-p",
            str(self.port),
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            f"UserKnownHostsFile={hosts}",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "ExitOnForwardFailure=yes",
            *options,
            f"{self.user}@{self.listen}",
        ]

    async def run_client(self, member: Member) -> Process:
        """Start `reversi-client run` for a node."""
        argv = [program("reversi-client"), "run", "--config", str(member.config)]
        client = await start(argv, log=self.home / "clients" / f"{member.name}.log", env=self.env)
        self.clients.append(client)
        return client


def write_locked(layout: Layout) -> None:
    """Write the keys; not beside the daemon, which may do so too."""
    with locked(layout):
        write_keys(layout, gate_command(layout))


def write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


@contextlib.asynccontextmanager
async def gateway(
    *,
    toml: str = "",
    listen: str = "127.0.0.1",
    verb: Sequence[str] = (),
    user: str = "",
    inside: Sequence[str] = (),
) -> AsyncIterator[Gateway]:
    """Run a gateway with this `reversi.toml`; end it and its clients after the block.

    `user`: whom its nodes log in as; empty: this user. `inside`: the words that run a command where
    the gateway will be.
    """
    with temporary_home() as home:
        made = Gateway(home, listen, user=user, inside=inside)
        if user:
            home.chmod(0o755)
            toml = f'tunnel_user = "{user}"\n{toml}'
        made.layout.config.write_text(toml, encoding="utf-8")
        async with ended_after(made.processes):
            try:
                await made.start(verb or ["up", "--ssh-port", "0", "--listen", listen])
                yield made
            finally:
                await end_all(made.clients)


@contextlib.asynccontextmanager
async def banner_server() -> AsyncIterator[int]:
    """Run a service that greets like an SSH server, but does not fork; yield its port."""
    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def until(
    condition: Callable[[], bool], within_s: float = 60.0, poll_s: float = POLL_S
) -> float:
    """Wait until the condition is true; return that moment (monotonic). Raises DemoFailed."""
    end = time.monotonic() + within_s
    while not await asyncio.to_thread(condition):
        if time.monotonic() > end:
            raise DemoFailed(f"{condition.__qualname__} was not true within {within_s:g} s")
        await asyncio.sleep(poll_s)
    return time.monotonic()


def listening(ports: Sequence[int]) -> set[int]:
    """Return those of the ports on which somebody listens."""
    return set(ports) & set(read_listeners())


async def until_usable(port: int, within_s: float = 60.0) -> float:
    """Wait until the tunnel carries the banner; return that moment (monotonic).

    Raises DemoFailed.
    """
    end = time.monotonic() + within_s
    while not await is_usable(port):
        if time.monotonic() > end:
            raise DemoFailed(f"the tunnel at port {port} was not usable within {within_s:g} s")
        await asyncio.sleep(POLL_S)
    return time.monotonic()


async def is_usable(port: int) -> bool:
    """Return whether the tunnel behind the port carries the banner now."""
    try:
        async with asyncio.timeout(2.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return await reader.readexactly(4) == BANNER[:4]
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
