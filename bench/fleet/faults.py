"""Count the tunnels that are lost while nats-servers and agents hang and die."""

from __future__ import annotations

import asyncio
import signal

import psutil

from bench.figures import Figure
from bench.fleet.acts import acts_measured
from bench.fleet.figures import Held, held_figure
from bench.fleet.plan import Plan
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


async def tunnel_figures(plan: Plan) -> list[Figure]:
    """Start real tunnels at three gateways, act on them, and have the bus fail. Raises
    DemoFailed.
    """
    async with fleet_staged() as stage:
        await until(lambda: len(all_sessions(stage)) == len(GUESTS), UP_WITHIN_S)
        acts = await acts_measured(stage, plan.acts)
        return [acts, held_figure(await held_through_faults(stage, plan.fault_s))]


async def held_through_faults(stage: FleetStage, seconds: float) -> Held:
    """Have nats-servers and agents hang and die, one after another."""
    before = all_sessions(stage)
    first, second = stage.gateways[SHOWN], stage.gateways[VICTIM]
    faults = [
        await hang(first, "nats", seconds),
        await hang(second, "agent", seconds),
        await die(second, "agent", 0.0),
        await die(second, "nats", seconds),
        await die(first, "nats", seconds),
    ]
    return Held(before=before, after=all_sessions(stage), faults=faults)
