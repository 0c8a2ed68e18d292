"""Three gateways on one bus, each with rows as a daemon leaves them, and no daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from bench.console_home import EVERY_S, tunnel_of
from bench.fleet.registry import fill
from bench.setting import until
from checker.model import Status, Tunnel
from checker.sshd.keygen import make_key
from checker.state.errors import StateError
from checker.state.mirrors import mirror_path, read_pulse
from checker.state.rows import Batch, Sweep
from checker.state.store import StateFile, open_reader, open_store
from demo.fleet_gateway import FleetGateway, nats_server
from demo.fleet_scene import IDS
from demo.processes import ended_after
from demo.stage import free_ports, temporary_folder

SSHD_PORT = 22
"""On the cards; nobody connects to it."""


@dataclass(slots=True, kw_only=True)
class Station:
    """One gateway."""

    gateway: FleetGateway
    store: StateFile
    """Open for writing, as a daemon has it."""
    tunnels: list[Tunnel]

    def write(self, changed: Sequence[Tunnel]) -> None:
        """Write what a sweep saw."""
        sweep = Sweep(pid=os.getpid(), swept_at=time.time(), every_s=EVERY_S)
        self.store.write(Batch(tunnels=changed, sweep=sweep))

    def change(self, number: int) -> Tunnel:
        """Write another status for one row, and return it."""
        before = self.tunnels[number]
        status = Status.WRONG if before.status is Status.REFUSED else Status.REFUSED
        now = time.time()
        self.tunnels[number] = replace(before, status=status, since=now, probed_at=now)
        self.write([self.tunnels[number]])
        return self.tunnels[number]

    def mirrored(self, other: Station) -> StateFile | None:
        """Open the mirror of another gateway; None if it cannot be read now."""
        try:
            return open_reader(mirror_path(self.gateway.layout, other.gateway.id))
        except StateError:
            return None

    def hears(self, other: Station) -> bool:
        mirror = self.mirrored(other)
        if mirror is None:
            return False
        with contextlib.closing(mirror):
            return read_pulse(mirror) is not None

    def has(self, other: Station, count: int) -> bool:
        """Return whether the mirror of another gateway has so many rows."""
        mirror = self.mirrored(other)
        if mirror is None:
            return False
        with contextlib.closing(mirror), mirror.using() as db:
            return bool(db.execute("SELECT count(*) FROM tunnel").fetchone()[0] >= count)

    def shows(self, other: Station, row: Tunnel) -> bool:
        """Return whether the mirror of another gateway has this row as it is."""
        mirror = self.mirrored(other)
        if mirror is None:
            return False
        with contextlib.closing(mirror), mirror.using() as db:
            found = db.execute(
                "SELECT status FROM tunnel WHERE node = ? AND port = ?", (row.node, row.port)
            ).fetchone()
            return found is not None and found[0] == row.status


@contextlib.asynccontextmanager
async def stations(counts: Sequence[int], registered: int = 0) -> AsyncIterator[list[Station]]:
    """Start three nats-servers and agents, at gateways with so many rows each, and so many nodes in
    the registry of all. Raises DemoFailed.
    """
    server = nats_server()
    processes: list[Process] = []
    ports = free_ports(2 * len(IDS))
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        await stack.enter_async_context(ended_after(processes))
        operator = folder / "operator"
        make_key(operator, comment="operator")
        found = []
        first = 0
        for id_, pair, count in zip(
            IDS, zip(ports[::2], ports[1::2], strict=True), counts, strict=True
        ):
            gateway = FleetGateway(folder, id_, pair)
            gateway.sshd_port = SSHD_PORT
            gateway.prepare(operator)
            store = open_store(gateway.layout.state)
            stack.callback(store.close)
            tunnels = [tunnel_of(number, time.time()) for number in range(first, first + count)]
            first += count
            found.append(Station(gateway=gateway, store=store, tunnels=tunnels))
            found[-1].write(tunnels)
        cards = [one.gateway.card(operator).sealed for one in found]
        if registered:
            layouts = [one.gateway.layout for one in found]
            await asyncio.to_thread(fill, layouts, operator, registered)
        for one in found:
            one.gateway.take(cards)
        for one in found:
            await one.gateway.join(server, processes)
        yield found


async def until_filled(many: Sequence[Station]) -> float:
    """Wait until each has all rows of each other one; return that moment (monotonic). Raises
    DemoFailed.
    """

    def mirrors_are_filled() -> bool:
        return all(
            one.hears(other) and one.has(other, len(other.tunnels))
            for one in many
            for other in many
            if one is not other
        )

    return await until(mirrors_are_filled)
