"""A gateway's files as alerts read them, without a daemon."""

from __future__ import annotations

import json
import time

from checker.config.layout import Layout
from checker.model import (
    Forward,
    NodeName,
    Port,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store

NAMES = {"office": 20010, "shop": 20011, "barn": 20012}


def forward(name: str, port: int) -> Forward:
    return Forward(
        node=NodeName(name),
        port=Port(port),
        target=parse_target("127.0.0.1:22"),
        expect=parse_expect("open"),
    )


def sweep(layout: Layout, *down: str, ago_s: float = 0.0) -> None:
    """Write what the daemon would write after a sweep."""
    at = time.time() - ago_s
    store = open_store(layout.state)
    store.write(
        Batch(
            tunnels=[
                Tunnel(
                    node=NodeName(name),
                    port=Port(port),
                    status=Status.DOWN if name in down else Status.UP,
                    since=at - 3600,
                    probed_at=at,
                )
                for name, port in NAMES.items()
            ],
            sweep=Sweep(pid=1, swept_at=at, every_s=20.0),
        )
    )
    store.close()


def write(layout: Layout, **settings: object) -> None:
    """Write alerts.toml; JSON's values are TOML's here."""
    lines = [f"{key} = {json.dumps(value)}\n" for key, value in settings.items()]
    layout.alerts.write_text("".join(lines))
