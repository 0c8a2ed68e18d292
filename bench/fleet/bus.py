"""Measure the bus: how soon a change is seen, how soon a mirror is filled, and what both cost."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from bench.cpu import exact_cpu_s, memory_of
from bench.figures import Figure
from bench.fleet.figures import Load, cold_figure, load_figure, seen_figure
from bench.fleet.plan import Plan
from bench.fleet.stations import Station, stations, until_filled
from bench.setting import until
from checker.fleet.mirror import remove_mirror
from checker.linux.sockets import flows
from checker.model import Tunnel
from checker.state.mirrors import mirror_path, mirrored
from demo.processes import end_all, ended_after
from demo.services import HOST

AGED_EVERY_S = 30.0
"""All rows age once in a sweep."""


async def seen_s(many: Sequence[Station], changes: int) -> list[float]:
    """Change one row after another, each at the next gateway; return how long it took until both
    others had it.
    """
    took_s = []
    for number in range(changes):
        here = many[number % len(many)]
        row = await asyncio.to_thread(here.change, number % len(here.tunnels))
        began = time.monotonic()

        def is_seen(here: Station = here, row: Tunnel = row) -> bool:
            return all(one.shows(here, row) for one in many if one is not here)

        took_s.append(await until(is_seen) - began)
    return took_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What agent and nats-server of a gateway had used at a moment."""

    agent_s: float
    bus_s: float
    moved: int
    """Bytes over its routes."""


def route_bytes(bus: psutil.Process, ports: Sequence[int]) -> int:
    """Return what went over the routes of a nats-server, in both directions. Of each connection,
    the kernel counts at the end that accepted it: its peer's port is no one else's.
    """
    known, total = flows(), 0
    for one in bus.net_connections("tcp"):
        if one.status != psutil.CONN_ESTABLISHED:
            continue
        if not {one.laddr.port, one.raddr.port} & set(ports):
            continue
        other = one.raddr.port if one.laddr.port in ports else one.laddr.port
        flow = known.get(f"{HOST}:{other}")
        total += flow.acked + flow.received if flow else 0
    return total


def processes_of(station: Station) -> tuple[psutil.Process, psutil.Process]:
    running = station.gateway.running
    return psutil.Process(running["agent"].pid), psutil.Process(running["nats"].pid)


def spent(many: Sequence[Station]) -> dict[str, Spent]:
    ports = [one.gateway.route_port for one in many]
    found: dict[str, Spent] = {}
    for one in many:
        agent, bus = processes_of(one)
        found[one.gateway.id] = Spent(
            agent_s=exact_cpu_s(agent), bus_s=exact_cpu_s(bus), moved=route_bytes(bus, ports)
        )
    return found


async def live(many: Sequence[Station], plan: Plan, seconds: float) -> None:
    """Have rows change at each gateway, and all rows age, as daemons write them."""
    began = time.monotonic()
    aged, second = 0.0, 0
    while (now := time.monotonic() - began) < seconds:
        for one in many:
            for number in range(plan.changes_a_second):
                at = (second * plan.changes_a_second + number) % len(one.tunnels)
                await asyncio.to_thread(one.change, at)
            if now - aged >= AGED_EVERY_S:
                at_s = time.time()
                one.tunnels = [replace(row, probed_at=at_s) for row in one.tunnels]
                await asyncio.to_thread(one.write, one.tunnels)
        aged = now if now - aged >= AGED_EVERY_S else aged
        second += 1
        await asyncio.sleep(max(0.0, began + second - time.monotonic()))


async def loads(many: Sequence[Station], plan: Plan) -> tuple[Mapping[str, Load], float]:
    """Return what agent and nats-server cost each gateway, and for how long that was measured."""
    before, began = await asyncio.to_thread(spent, many), time.monotonic()
    await live(many, plan, plan.watch_s)
    after, took_s = await asyncio.to_thread(spent, many), time.monotonic() - began
    return {
        one.gateway.id: load_between(
            before[one.gateway.id],
            after[one.gateway.id],
            sum(memory_of(process).pss_mb for process in processes_of(one)),
            took_s,
        )
        for one in many
    }, took_s


def load_between(before: Spent, after: Spent, memory_mb: float, took_s: float) -> Load:
    return Load(
        agent_share=(after.agent_s - before.agent_s) / took_s * 100,
        bus_share=(after.bus_s - before.bus_s) / took_s * 100,
        memory_mb=memory_mb,
        kb_s=(after.moved - before.moved) / took_s / 1e3,
    )


async def cold(rows: int) -> Figure:
    """Start the agent of one gateway without mirrors; wait until it has all rows of another."""
    processes: list[Process] = []
    async with stations((rows, 1, 1)) as many, ended_after(processes):
        await until_filled(many)
        full, empty, _ = many
        await end_all([empty.gateway.running["agent"]])
        for id_ in mirrored(empty.gateway.layout):
            remove_mirror(mirror_path(empty.gateway.layout, id_))
        began = time.monotonic()
        await empty.gateway.start_agent(processes)
        return cold_figure(rows, await until(lambda: empty.has(full, rows)) - began)


async def bus_figures(plan: Plan) -> list[Figure]:
    """Raises DemoFailed."""
    found = [await cold(plan.cold)]
    async with stations((plan.rows // 3,) * 3) as many:
        await until_filled(many)
        found.append(seen_figure(await seen_s(many, plan.changes)))
        costs, took_s = await loads(many, plan)
        found.append(load_figure(costs, plan.rows, plan.changes_a_second, took_s))
    return found
