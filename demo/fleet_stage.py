"""Start and end three gateways on one bus, and the nodes that know all of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import tomllib
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from checker.control.fleet_rows import Seen
from checker.control.sealing import SignWish, seal
from checker.fleet.cards import Card
from checker.fleet.exchange import documents
from checker.fleet.placement import order_of
from checker.model import parse_name
from checker.sshd.keygen import make_key
from client.bundle.compose import Bundle, render
from client.bundle.keyforms import read_key
from client.bundle.settings import Settings
from demo.fleet_gateway import FleetGateway, failing, nats_server
from demo.fleet_scene import GUESTS, IDS, SHOWN, VICTIM, Client, Guest
from demo.processes import end_all, ended_after, environment, program, start
from demo.scene import Service
from demo.services import services
from demo.stage import POLL_S, add_node, free_ports, refuse_ended, temporary_folder


class FleetStage:
    """Running gateways, and the nodes' clients."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self.folder = folder
        self.operator = folder / "operator"
        """The key that signs."""
        pairs = zip(ports[::2], ports[1::2], strict=True)
        self.gateways = {
            id_: FleetGateway(folder, id_, pair) for id_, pair in zip(IDS, pairs, strict=True)
        }
        self.clients: dict[str, Process] = {}

    @property
    def shown(self) -> FleetGateway:
        """The gateway whose console is shown."""
        return self.gateways[SHOWN]

    async def open(self, processes: list[Process]) -> list[Card]:
        """Start all gateways, and have them know each other; return their cards. Raises
        DemoFailed.
        """
        server = nats_server()
        many = self.gateways.values()
        with failing():
            make_key(self.operator, comment="operator")
        for gateway in many:
            gateway.prepare(self.operator)
        async with asyncio.TaskGroup() as group:
            for gateway in many:
                group.create_task(gateway.open(processes), name=f"start {gateway.id}")
        cards = [await asyncio.to_thread(gateway.card, self.operator) for gateway in many]
        for gateway in many:
            await asyncio.to_thread(gateway.take, [one.sealed for one in cards])
            await gateway.join(server, processes)
        return [one.card for one in cards]

    def register(self, guests: Mapping[int, Guest], targets: Mapping[Service, int]) -> list[Path]:
        """Add and sign the nodes at one gateway, and bring them to the others; return the files for
        their clients. Raises DemoFailed.
        """
        layout = self.shown.layout
        files = [
            add_node(self.shown.home, guest.role, port, targets[guest.role.service])
            for port, guest in guests.items()
        ]
        names = [parse_name(guest.role.name) for guest in guests.values()]
        with failing():
            seal(layout, names, SignWish(key_file=self.operator, may_ask=False))
            known = [sealed for _, sealed in documents(layout).values()]
        for gateway in self.gateways.values():
            if gateway is not self.shown:
                gateway.take(known)
        return files

    async def populate(
        self, cards: Sequence[Card], targets: Mapping[Service, int], processes: list[Process]
    ) -> None:
        """Register the nodes, and start a client for each. Raises DemoFailed."""
        guests = dict(zip(free_ports(len(GUESTS)), GUESTS, strict=True))
        files = await asyncio.to_thread(self.register, guests, targets)
        for guest, config in zip(guests.values(), files, strict=True):
            order = order_of(parse_name(guest.role.name), cards)
            argv = command(guest.client, config, order)
            is_bundle = guest.client is not Client.PYTHON
            self.clients[guest.role.name] = await start(
                argv,
                log=self.log_of(guest.role.name),
                env=environment(self.folder),
                dies_by=signal.SIGTERM if is_bundle else signal.SIGKILL,
            )
            processes.append(self.clients[guest.role.name])

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def seen(self) -> Seen | None:
        """Return what the console shows. Raises StateError."""
        return self.shown.seen(time.time())

    def kill(self) -> None:
        """Kill a gateway."""
        self.gateways[VICTIM].kill()

    async def watch(self) -> None:
        """Raise DemoFailed if a client ends, or a process of a gateway that was not killed."""
        while True:
            for name, client in self.clients.items():
                refuse_ended(f"the client of {name}", client, self.log_of(name))
            for gateway in self.gateways.values():
                gateway.refuse_ended()
            await asyncio.sleep(POLL_S)


def command(client: Client, config: Path, order: Sequence[Card]) -> list[str]:
    """Write what a node's client reads, with the gateways in this order; return how to run it."""
    values = tomllib.loads(config.read_text(encoding="utf-8"))
    if client is not Client.PYTHON:
        script = config.with_suffix(".sh")
        script.write_text(bundle(client, config, values, order), encoding="ascii")
        return ["sh", str(script), "run"]
    del values["gateway"], values["host_key"]
    values["gateway"] = [
        {"address": card.addresses[0], "host_key": list(card.host_keys)} for card in order
    ]
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return [program("reversi-client"), "run", "--config", str(config)]


def bundle(client: Client, config: Path, values: Mapping[str, Any], order: Sequence[Card]) -> str:
    """Return a node's bundle, and make a root directory of its own for it."""
    root = config.with_suffix(".root")
    root.mkdir()
    key = config.with_name(values["key"])
    return render(
        Bundle(
            node=values["node"],
            gateways=[f"{card.id}={card.addresses[0]}" for card in order],
            user=values["user"],
            forwards=[f"{one['port']}:{one['target']}" for one in values["forward"]],
            host_keys=[f"{card.id} {line}" for card in order for line in card.host_keys],
            key=read_key(key.read_bytes()),
            node_add="",
            settings=Settings(client=client.value, root=str(root)),
        )
    )


@contextlib.asynccontextmanager
async def fleet_staged() -> AsyncIterator[FleetStage]:
    """Start the whole fleet; after the block, leave no process and no file. Raises DemoFailed."""
    gateways: list[Process] = []
    clients: list[Process] = []
    with temporary_folder() as folder:
        stage = FleetStage(folder, free_ports(2 * len(IDS)))
        async with services(folder) as targets, ended_after(gateways):
            try:
                cards = await stage.open(gateways)
                targets[Service.SSHD] = stage.shown.sshd_port
                await stage.populate(cards, targets, clients)
                yield stage
            finally:
                await end_all(clients)  # while the gateways still run, so that they can log out
