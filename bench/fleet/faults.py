"""Count the tunnels that are lost while nats-servers and agents hang and die."""

from __future__ import annotations

import asyncio
import signal

import psutil

from bench.figures import Figure
from bench.fleet.figures import Held, held_figure
from bench.setting import until
from checker.model import Status
from demo.fleet_gateway import FleetGateway
from demo.fleet_scene import GUESTS, SHOWN, VICTIM
from demo.fleet_stage import FleetStage, fleet_staged
from demo.processes import send

UP_WITHIN_S = 120.0


def all_sessions(stage: FleetStage) -> dict[int, int]:
    """Return the PID of the sshd session of each tunnel that is up and runs, by port, as the
    gateways themselves see it: mirrors may be stale.
    """
    return {
        tunnel.port: tunnel.session.pid
        for gateway in stage.gateways.values()
        for tunnel in gateway.tunnels()
        if tunnel.status is Status.UP
        and tunnel.session is not None
        and psutil.pid_exists(tunnel.session.pid)
    }


async def hang(gateway: FleetGateway, name: str, seconds: float) -> str:
    process = gateway.running[name]
    send(process, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    send(process, signal.SIGCONT)
    return f"{name} of {gateway.id} hung {seconds:g} s"


async def die(gateway: FleetGateway, name: str, seconds: float) -> str:
    process = gateway.running.pop(name)
    send(process, signal.SIGKILL)
    await asyncio.sleep(seconds)
    return f"{name} of {gateway.id} killed"


async def faults_figure(seconds: float) -> Figure:
    """Have everything of the bus hang and die, one after another. Raises DemoFailed."""
    async with fleet_staged() as stage:
        await until(lambda: len(all_sessions(stage)) == len(GUESTS), UP_WITHIN_S)
        before = all_sessions(stage)
        first, second = stage.gateways[SHOWN], stage.gateways[VICTIM]
        faults = [
            await hang(first, "nats", seconds),
            await hang(second, "agent", seconds),
            await die(second, "agent", 0.0),
            await die(second, "nats", seconds),
            await die(first, "nats", seconds),
        ]
        held = Held(before=before, after=all_sessions(stage), faults=faults)
    return held_figure(held)
