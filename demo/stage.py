"""Start and end the demo's gateway and its nodes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from checker.config.layout import home_layout
from checker.config.settings import load_config
from checker.control.client_files import KeyWish, key_files
from checker.control.registering import Wanted, register
from checker.model import CheckerError, Policy, Tunnel, parse_forward, parse_name
from checker.sshd.keygen import make_key
from checker.state.store import StateFile, open_reader
from demo.processes import (
    DemoFailed,
    end_all,
    ended_after,
    environment,
    program,
    send,
    start,
    tail,
)
from demo.scene import FREEZER, ROLES, Role, Service
from demo.services import HOST, services

READY_WITHIN_S = 40.0
POLL_S = 0.2
THAWS_AFTER_S = 5.0
"""From the kill until the frozen node is resumed: time to see that the port is free."""
FREEZES_EVERY_S = 60.0


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a directory, and remove it after the block, even if an ending process writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="reversi-demo-"))
    try:
        yield folder
    finally:
        for _ in range(10):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break


@contextlib.contextmanager
def temporary_home() -> Iterator[Path]:
    """Make a temporary home with a host key.

    The gateway would also make an RSA one, for small devices, in about a second. Raises DemoFailed.
    """
    with temporary_folder() as home:
        try:
            make_key(home_layout(home).host_key, comment="reversi")
        except CheckerError as error:
            raise DemoFailed(str(error)) from error
        yield home


def free_ports(count: int) -> list[int]:
    """Return free ports of the gateway's range, so that two demos can run at once."""
    found: list[int] = []
    ports = list(Policy().ports)
    random.shuffle(ports)
    for port in ports:
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind((HOST, port))
            found.append(port)
        if len(found) == count:
            return found
    raise DemoFailed(f"fewer than {count} ports are free from {min(ports)} to {max(ports)}")


async def start_gateway(home: Path, processes: list[Process]) -> tuple[Process, int]:
    """Start a gateway, add it to `processes`, and return it with its sshd's port. Raises
    DemoFailed.
    """
    log = home / "up.log"
    argv = [program("reversi-checker"), "--home", str(home), "up", "--ssh-port", "0"]
    gateway = await start(argv, log=log, env=environment(home), stdout=PIPE)
    processes.append(gateway)
    assert gateway.stdout is not None
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            line = (await gateway.stdout.readline()).decode()
    except TimeoutError:
        line = ""
    ready = re.match(r"ready: sshd at \S+:(\d+),", line)
    if ready is None:
        raise DemoFailed(f"the gateway did not become ready:\n{tail(log)}")
    return gateway, int(ready[1])


def add_node(home: Path, role: Role, port: int, target: int) -> Path:
    """Add a node, as `node add` does; return the file for its client. Raises DemoFailed."""
    layout = home_layout(home)
    name = parse_name(role.name)
    requests = (parse_forward(f"{port}={HOST}:{target},{role.expect}"),)
    client = home / "clients" / f"{name}.toml"
    client.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        config = load_config(layout.config)
        keys = key_files(KeyWish(name=name, client=client), layout, config)
        register(layout, config, Wanted(name=name, requests=requests), keys, lambda _: None)
    except CheckerError as error:
        raise DemoFailed(f"node {name} could not be added: {error}") from error
    return client


def refuse_ended(what: str, process: Process, log: Path) -> None:
    """Raise DemoFailed if the process has ended."""
    if process.returncode is not None:
        raise DemoFailed(f"{what} ended with status {process.returncode}:\n{tail(log)}")


class Stage:
    """A running gateway, with its nodes' clients."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = environment(home)
        self.state: StateFile | None = None
        self.gateway: Process | None = None
        self.clients: dict[str, Process] = {}

    async def open(self, processes: list[Process]) -> int:
        """Start the gateway; return its sshd's port. Raises DemoFailed."""
        self.gateway, port = await start_gateway(self.home, processes)
        self.state = open_reader(home_layout(self.home).state)
        return port

    async def populate(self, ports: Mapping[Service, int], processes: list[Process]) -> None:
        """Register the nodes, and start their clients. Raises DemoFailed."""
        for role, port in zip(ROLES, free_ports(len(ROLES)), strict=True):
            config = add_node(self.home, role, port, ports[role.service])
            if role.connects:
                argv = [program("reversi-client"), "run", "--config", str(config)]
                self.clients[role.name] = await start(
                    argv, log=self.log_of(role.name), env=self.env, dies_by=signal.SIGKILL
                )
                processes.append(self.clients[role.name])

    def log_of(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def tunnels(self) -> dict[str, Tunnel]:
        """Return what the checker last saw, by node."""
        assert self.state is not None
        return {tunnel.node: tunnel for tunnel in self.state.tunnels()}

    async def freeze(self) -> None:
        """Stop the freezer's client until the checker has killed its session, and 5 s longer."""
        client = self.clients[FREEZER.name]
        kills = self.tunnels()[FREEZER.name].kills
        send(client, signal.SIGSTOP)
        try:
            while self.tunnels()[FREEZER.name].kills == kills:  # noqa: ASYNC110 - another process writes the state file
                await asyncio.sleep(POLL_S)
            await asyncio.sleep(THAWS_AFTER_S)
        finally:
            send(client, signal.SIGCONT)

    async def watch(self) -> None:
        """Raise DemoFailed if the gateway or a client ends."""
        assert self.gateway is not None
        while True:
            for name, client in self.clients.items():
                refuse_ended(f"the client of {name}", client, self.log_of(name))
            refuse_ended("the gateway", self.gateway, self.home / "up.log")
            await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Start the whole demo; after the block, leave no process and no file. Raises DemoFailed."""
    gateway: list[Process] = []
    clients: list[Process] = []
    with temporary_home() as home:
        stage = Stage(home)
        async with services(home) as ports, ended_after(gateway):
            try:
                ports[Service.SSHD] = await stage.open(gateway)
                await stage.populate(ports, clients)
                yield stage
            finally:
                await end_all(clients)  # while the gateway still runs, so that they can log out
                if stage.state is not None:
                    stage.state.close()
