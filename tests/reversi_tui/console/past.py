"""A home whose nodes have a past of 30 days, and a tag for each site."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import Event, EventKind, Hour, NodeName, Port, Status, Watched
from checker.rows.uptimes import DAY_S, day_at
from checker.state.rows import Batch, Sweep
from tests.registry_samples import register
from tests.reversi_tui.console.states import forward, tunnel, write

SITES = ("basel", "cork", "delft", "evora")
LOST_S = 1800.0
"""How long an outage of node NUMBER is, times NUMBER."""


def home_with_a_past(home: Path, count: int = 24, now: float | None = None) -> Layout:
    """Node NUMBER was lost once, two days ago, for NUMBER half hours; node 0 never."""
    now = time.time() if now is None else now
    layout = home_layout(home)
    names = [f"{SITES[number % 4]}-door-{number:02d}" for number in range(count)]
    seen = [
        replace(tunnel(name, 27000 + number, Status.UP, pid=4000 + number), probed_at=now - 5)
        for number, name in enumerate(names)
    ]
    register(layout, (forward(each.node, each.port) for each in seen))
    for name in names:
        path = layout.nodes / f"{name}.toml"
        path.write_text(f'tags = ["{name.partition("-")[0]}"]\n{path.read_text()}')
    write(
        layout,
        Batch(
            tunnels=seen,
            events=[
                event
                for number, name in enumerate(names[1:], start=1)
                for event in lost(NodeName(name), Port(27000 + number), now, number)
            ],
            uptime=[
                (each.node, each.port, watched(now, ago, number))
                for number, each in enumerate(seen)
                for ago in range(30)
            ],
            hours=[
                Hour(each.node, each.port, int(now // 3600) - ago, 3600.0, 3600.0)
                for each in seen
                for ago in range(24)
            ],
            sweep=Sweep(pid=1, swept_at=now, every_s=20.0),
        ),
    )
    return layout


def watched(now: float, ago: int, number: int) -> Watched:
    lost_s = LOST_S * number if ago == 2 else 0.0
    return Watched(day=day_at(now - ago * DAY_S), up_s=DAY_S - lost_s, watched_s=float(DAY_S))


def lost(node: NodeName, port: Port, now: float, number: int) -> tuple[Event, Event]:
    """It was lost, and came back."""
    began = now - 2 * DAY_S
    return (
        status(node, port, began, "up -> down: nobody listens"),
        status(node, port, began + LOST_S * number, "down -> up: SSH-2.0-dropbear"),
    )


def status(node: NodeName, port: Port, at: float, text: str) -> Event:
    return Event(at=at, kind=EventKind.STATUS, text=text, node=node, port=port)
