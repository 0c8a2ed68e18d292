"""Reads the past of a row, when its sheet opens."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from checker.config.layout import Layout
from checker.model import Tunnel, Usage, Watched
from checker.registry.reading import node_path
from checker.rows.row import Key
from checker.state.errors import StateError
from checker.state.last_seen import last_seen
from checker.state.store import open_reader
from reversi_tui.reader.news import is_lost
from reversi_tui.reader.registry import text_of
from reversi_tui.rows.report import Past
from reversi_tui.rows.uptime import DAYS

EVENTS = 20
"""How many of its node's last events a row shows."""


def read_past(
    layout: Layout,
    paths: Sequence[Path],
    key: Key,
    seen: tuple[Tunnel | None, Usage | None],
    now: float,
) -> Past:
    """The events of a row's node, and the days of the row. `paths`: the state file of the gateway
    that it is from, then those of the others, which count for the days only. `seen`: the row, and
    what its process uses. Raises StateError.
    """
    node, port = key
    is_here = paths[0] == layout.state
    tunnel, usage = seen
    state = open_reader(paths[0])
    try:
        days = state.uptime(node, port, since_day=first_shown(now))
        return Past(
            events=state.events(node=node, limit=EVENTS),
            days=with_others(days, paths[1:], key, None if is_here else tunnel, now),
            usage=usage,
            last=last_seen(state, node, port) if is_lost(tunnel) else None,
            registry=text_of(node_path(layout, node)),
        )
    finally:
        state.close()


def with_others(
    found: Sequence[Watched], others: Sequence[Path], key: Key, tunnel: Tunnel | None, now: float
) -> tuple[Watched, ...]:
    """The days with those at other gateways; what cannot be read does not count. `tunnel`: the row,
    if it is another gateway's.
    """
    if not others:
        return tuple(found)
    from checker.rows.fleet_uptimes import Watch, days_of, late_from, up_for_s  # only for a fleet

    watches = [Watch(found, (), up_for_s(tunnel, now))]
    for path in others:
        with contextlib.suppress(StateError), contextlib.closing(open_reader(path)) as state:
            watches.append(Watch(state.uptime(*key, since_day=first_shown(now))))
    return tuple(Watched(*day) for day in days_of(watches, late_from(now)))


def first_shown(now: float) -> str:
    """The first day that a row shows."""
    return time.strftime("%Y-%m-%d", time.gmtime(now - DAYS * 86400))
