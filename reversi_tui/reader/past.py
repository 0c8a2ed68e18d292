"""Reads the past of a row, when its sheet opens."""

from __future__ import annotations

import time
from pathlib import Path

from checker.config.layout import Layout
from checker.model import Tunnel, Usage
from checker.registry.reading import node_path
from checker.rows.row import Key
from checker.state.last_seen import last_seen
from checker.state.store import open_reader
from reversi_tui.reader.news import is_lost
from reversi_tui.reader.registry import text_of
from reversi_tui.rows.report import Past
from reversi_tui.rows.uptime import DAYS

EVENTS = 20
"""How many of its node's last events a row shows."""


def read_past(
    layout: Layout, path: Path, key: Key, seen: tuple[Tunnel | None, Usage | None], now: float
) -> Past:
    """The events of a row's node, and the days of the row, from the state file of the gateway that
    it is from. `seen`: the row, and what its process uses. Raises StateError.
    """
    node, port = key
    tunnel, usage = seen
    state = open_reader(path)
    try:
        since = time.strftime("%Y-%m-%d", time.gmtime(now - DAYS * 86400))
        return Past(
            events=state.events(node=node, limit=EVENTS),
            days=state.uptime(node, port, since_day=since),
            usage=usage,
            last=last_seen(state, node, port) if is_lost(tunnel) else None,
            registry=text_of(node_path(layout, node)),
        )
    finally:
        state.close()
