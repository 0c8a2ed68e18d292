"""Run the benchmark of a fleet: three gateways on this machine; it needs nats-server."""

from __future__ import annotations

from bench.figures import Figure
from bench.fleet.bus import bus_figures
from bench.fleet.console import shown_figures
from bench.fleet.edits import edits_measured
from bench.fleet.faults import tunnel_figures
from bench.fleet.figures import references
from bench.fleet.plan import FULL_PLAN, QUICK_PLAN
from bench.setting import QUICK, Scale
from demo.fleet_gateway import nats_server
from demo.processes import DemoFailed


async def fleet(scale: Scale) -> list[Figure]:
    """Measure every figure, or name the benchmark that does. Raises DemoFailed."""
    plan = QUICK_PLAN if scale.trials == QUICK.trials else FULL_PLAN
    try:
        nats_server()
    except DemoFailed as failure:
        return [Figure(what="fleet", measured=f"left out: {failure}"), *references()]
    return [
        *references(),
        *await bus_figures(plan),
        *await edits_measured(plan),
        *await tunnel_figures(plan),
        *await shown_figures(plan),
    ]
