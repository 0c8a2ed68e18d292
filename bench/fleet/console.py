"""Measure the console over three gateways: this one's state file, and mirrors of two others."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from bench.console import first_rows, gateway_of, starts, writer
from bench.console_events import events_of, log_figures
from bench.console_home import names, tunnel_of
from bench.console_keys import all_keys
from bench.console_pty import terminal
from bench.figures import Figure
from bench.fleet.figures import console_figures
from bench.fleet.plan import Plan
from checker.config.layout import Layout, home_layout
from checker.fleet.mirror import Mirror
from checker.model import Status, Tunnel
from checker.model.pulse import HeardPulse, Pulse
from checker.state.mirrors import mirror_path
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store
from demo.fleet_scene import IDS

LONG_S = 36_000.0
"""No row of a mirror turns stale while the console is measured."""
LOG_ROWS = 100
"""Rows of the table below the event log."""


def rows_at(place: int, rows: int, now: float) -> list[Tunnel]:
    """Return what one gateway sees: a third is there, the rest is down."""
    found = [tunnel_of(number, now) for number in range(rows)]
    return [one if number % len(IDS) == place else away(one) for number, one in enumerate(found)]


def away(tunnel: Tunnel) -> Tunnel:
    return replace(
        tunnel,
        status=Status.DOWN,
        session=None,
        peer=None,
        latency_ms=None,
        detail="nobody listens",
    )


def make_fleet_of(layout: Layout, rows: int, now: float) -> None:
    """Make a gateway with all these nodes the first one of a fleet."""
    with layout.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[fleet]\nname = "{IDS[0]}"\n')
    with closing(open_store(layout.state)) as store:
        store.write(Batch(tunnels=rows_at(0, rows, now)))
    layout.mirrors.mkdir()
    heard = HeardPulse(
        pulse=Pulse(epoch="e", beat=1, number=1, at=now + LONG_S, version="0", state="active"),
        heard_at=now + LONG_S,
    )
    for place, id_ in enumerate(IDS[1:], start=1):
        sweep = Sweep(pid=0, swept_at=now, every_s=LONG_S)
        with closing(Mirror(mirror_path(layout, id_))) as mirror:
            mirror.put_pulse(heard)
            mirror.store.write(Batch(tunnels=rows_at(place, rows, now), sweep=sweep))


async def shown_figures(plan: Plan) -> list[Figure]:
    """Measure the first rows, and keys. Raises DemoFailed."""
    async with gateway_of(plan.rows) as setting:
        await asyncio.to_thread(make_fleet_of, home_layout(setting.home), plan.rows, time.time())
        async with writer(setting) as state:
            await state.send("sweep")
            argv = setting.commands[0]
            took_s = await starts(setting, argv, plan.starts)
            async with terminal(argv, setting.fresh()) as opened:
                await first_rows(opened, setting)
                await opened.settled()
                keys = await all_keys(opened, plan.presses, plan.letters)
    return [*console_figures(plan.rows, took_s, keys), *await fleet_log_figures(plan)]


async def fleet_log_figures(plan: Plan) -> list[Figure]:
    """Measure the event log of three gateways. Raises DemoFailed."""
    async with gateway_of(LOG_ROWS) as setting:
        layout = home_layout(setting.home)
        await asyncio.to_thread(make_fleet_of, layout, LOG_ROWS, time.time())
        await asyncio.to_thread(write_pasts, layout, plan.events)
        async with terminal(setting.commands[0], setting.fresh()) as opened:
            await first_rows(opened, setting)
            what = f"event log of three gateways, {plan.events:,} events"
            return await log_figures(opened, files_of(layout), what, plan.starts)


def files_of(layout: Layout) -> list[Path]:
    """Return the state file, and the mirrors."""
    return [layout.state, *(mirror_path(layout, id_) for id_ in IDS[1:])]


def write_pasts(layout: Layout, events: int) -> None:
    """Write a third of the events into each gateway's file."""
    for place, path in enumerate(files_of(layout)):
        past = events_of(events // len(IDS), names(LOG_ROWS), time.time() - place)
        with closing(open_store(path)) as store:
            store.write(Batch(events=tuple(past)))
