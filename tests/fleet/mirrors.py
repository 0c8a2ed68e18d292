"""Mirrors of other gateways as the agent of a fleet writes them, and gateways that have some."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from checker.config.layout import Layout, home_layout
from checker.model import Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.mirrors import ADD_PULSE, PUT_PULSE, mirror_path, pulse_row
from checker.state.rows import Batch
from checker.state.schema import transaction
from checker.state.store import open_store
from tests.registry_samples import register
from tests.reversi_tui.console.states import FORWARDS, forward, sweep, tunnel, write

LONG_S = 36000.0
"""Between two sweeps: no row is stale while a test runs."""


def mirror(
    layout: Layout, id_: str, batch: Batch, heard_at: float, *, ahead_s: float = 0.0
) -> None:
    """Write a mirror, and when its gateway was heard last, whose clock is ahead."""
    path = mirror_path(layout, GatewayId(id_))
    path.parent.mkdir(exist_ok=True)
    heard = HeardPulse(
        pulse=Pulse(
            epoch="e", beat=1, number=1, at=heard_at + ahead_s, version="0", state="active"
        ),
        heard_at=heard_at,
    )
    with closing(open_store(path)) as store:
        if batch:
            store.write(batch)
        with store.using() as db, transaction(db):
            db.execute(ADD_PULSE)
            db.execute(PUT_PULSE, pulse_row(heard))


def at(now: float, *tunnels: Tunnel) -> tuple[Tunnel, ...]:
    """The same tunnels, probed and connected lately."""
    return tuple(replace(one, since=now - 7200, probed_at=now - 1) for one in tunnels)


def held_elsewhere(home: Path, heard_s_ago: float = 1.0, now: float | None = None) -> Layout:
    """The gateway gw1, which holds attic, while gw2 holds barn and attic, and gw3 holds cellar and
    was heard `heard_s_ago`.
    """
    now = time.time() if now is None else now
    layout = home_layout(home)
    register(layout, (forward("attic", 20010), forward("barn", 20011), forward("cellar", 20012)))
    layout.config.write_text('[fleet]\nname = "gw1"\n', encoding="utf-8")
    attic, barn, cellar = (
        tunnel(one.node, one.port, pid=4000 + number) for number, one in enumerate(FORWARDS[:3])
    )
    gone = [
        replace(one, status=Status.DOWN, session=None, peer=None, detail="nobody listens")
        for one in (attic, barn, cellar)
    ]
    lasting = replace(sweep(now), every_s=LONG_S)
    write(layout, Batch(tunnels=at(now, attic, gone[1], gone[2]), sweep=lasting))
    second = Batch(tunnels=at(now, replace(attic, session=barn.session), barn), sweep=lasting)
    mirror(layout, "gw2", second, now - 1)
    third = Batch(tunnels=at(now, gone[0], gone[1], cellar), sweep=lasting)
    mirror(layout, "gw3", third, now - heard_s_ago)
    return layout
