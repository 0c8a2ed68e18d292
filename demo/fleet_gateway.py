"""One gateway of `demo --fleet`: its files, and its processes."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
from asyncio.subprocess import Process
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from checker.config.layout import Layout, home_layout
from checker.control.fleet_rows import Seen, seen_everywhere
from checker.fleet.apply import apply
from checker.fleet.bus_config import CONFIG_FILE
from checker.fleet.bus_files import bus_folder, nats_program
from checker.fleet.card_files import KeptCard
from checker.fleet.making import CardWish, make_fleet, write_card
from checker.fleet.sealed import Sealed
from checker.model import CheckerError, Tunnel, by_place
from checker.model.gateway_id import GatewayId
from checker.sshd.keygen import host_key_line, make_key
from checker.state.store import open_reader
from demo.processes import DemoFailed, environment, program, send, start
from demo.services import HOST
from demo.stage import refuse_ended, start_gateway


@contextlib.contextmanager
def failing() -> Iterator[None]:
    """Raise DemoFailed in place of an error of the checker."""
    try:
        yield
    except CheckerError as error:
        raise DemoFailed(str(error)) from error


def nats_server() -> str:
    """Return the path of nats-server. Raises DemoFailed if it or the agent's library is missing."""
    server = nats_program()
    lacks = ["nats-server"] if server is None else []
    lacks += ["nats-py"] if importlib.util.find_spec("nats") is None else []
    if server is None or lacks:
        raise DemoFailed(f"not installed: {', '.join(lacks)}; start with: ./run demo --fleet")
    return server


class FleetGateway:
    """A gateway, with its nats-server and its agent."""

    def __init__(self, folder: Path, id_: GatewayId, bus_ports: tuple[int, int]) -> None:
        self.id = id_
        self.home = folder / id_
        self.layout: Layout = home_layout(self.home)
        self.bus_port, self.route_port = bus_ports
        self.running: dict[str, Process] = {}
        """By the name of the log."""
        self.sshd_port = 0

    def prepare(self, operator: Path) -> None:
        """Make its home, one of a fleet in which this key may sign. Raises DemoFailed."""
        self.layout.fleet.mkdir(parents=True)
        line = f'operator namespaces="reversi-registry,reversi-act" {host_key_line(operator)}\n'
        (self.layout.fleet / "allowed_signers").write_text(line, encoding="ascii")
        with failing():
            make_key(self.layout.host_key, comment=self.id)  # one of RSA takes long to make
            make_fleet(self.layout, self.id, signed=True)
        with self.layout.config.open("a", encoding="ascii") as file:
            file.write(f"bus_port = {self.bus_port}\n")

    async def open(self, processes: list[Process]) -> None:
        """Start sshd and the daemon. Raises DemoFailed."""
        self.running["up"], self.sshd_port = await start_gateway(self.home, processes)

    def card(self, operator: Path) -> KeptCard:
        """Make its card, signed with this key. Raises DemoFailed."""
        wish = CardWish(
            id=self.id,
            addresses=(f"{HOST}:{self.sshd_port}",),
            bus=f"{HOST}:{self.route_port}",
        )
        with failing():
            return write_card(self.layout, wish, operator)

    def take(self, many: Sequence[Sealed]) -> None:
        """Take entries and cards of the others. Raises DemoFailed."""
        with failing():
            troubles = [one.text for one in apply(self.layout, many) if one.is_trouble]
        if troubles:
            raise DemoFailed(f"{self.id}: {'; '.join(troubles)}")

    async def join(self, server: str, processes: list[Process]) -> None:
        """Start this nats-server, and the agent. Raises DemoFailed."""
        await self.begin("nats", [server, "-c", CONFIG_FILE], processes)
        await self.start_agent(processes)

    async def start_agent(self, processes: list[Process]) -> None:
        """Raises DemoFailed."""
        words = ["--home", str(self.home), "fleet", "serve"]
        await self.begin("agent", [program("reversi-checker"), *words], processes)

    async def begin(self, name: str, argv: Sequence[str], processes: list[Process]) -> None:
        """Start a process in the directory of the nats-server's files."""
        self.running[name] = await start(
            argv,
            log=self.home / f"{name}.log",
            env=environment(self.home),
            folder=bus_folder(self.layout),
        )
        processes.append(self.running[name])

    def refuse_ended(self) -> None:
        """Raise DemoFailed if one of its processes has ended."""
        for name, process in self.running.items():
            refuse_ended(f"{name} of {self.id}", process, self.home / f"{name}.log")

    def kill(self) -> None:
        """Kill all of it at once, its sshd sessions too, as a loss of power does."""
        running, self.running = self.running, {}
        below: list[psutil.Process] = []
        for process in running.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                below += psutil.Process(process.pid).children(recursive=True)
        for process in running.values():
            send(process, signal.SIGKILL)
        for one in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def tunnels(self) -> tuple[Tunnel, ...]:
        """Return what its daemon saw. Raises StateError."""
        with contextlib.closing(open_reader(self.layout.state)) as reader:
            return reader.tunnels()

    def seen(self, now: float) -> Seen | None:
        """Return what all gateways saw, as its console shows it; None if it heard of no other yet.
        Raises StateError.
        """
        with contextlib.closing(open_reader(self.layout.state)) as reader:
            sweep, here = reader.last_sweep(), by_place(reader.tunnels())
        return seen_everywhere(self.layout, here, sweep.every_s, now) if sweep else None
