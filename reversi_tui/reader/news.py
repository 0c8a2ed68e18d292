"""Which changes of a tunnel an operator must see at once. Pure."""

from __future__ import annotations

from dataclasses import replace

from checker.model import Status, Tunnel
from checker.model.tunnel import is_late
from checker.state.ages import is_material
from reversi_tui.rows.report import Health


def is_news(before: Tunnel | None, after: Tunnel, every_s: float, now: float) -> bool:
    """Whether more changed than what each probe changes. A row that was stale, and no longer is,
    is news too, and so is the first check of a node.
    """
    return (
        before is None
        or is_material(before, after)
        or is_late(before.probed_at, before.due_s, every_s, now)
    )


def is_health_news(before: Health, after: Health) -> bool:
    """Whether more changed than the time of the last sweep."""
    sweep, swept = before.sweep, after.sweep
    if sweep is None or swept is None:
        return before != after
    return replace(before, sweep=replace(sweep, swept_at=swept.swept_at)) != after


def is_lost(tunnel: Tunnel | None) -> bool:
    """Whether it is down."""
    return tunnel is not None and tunnel.status is Status.DOWN
