"""Which changes of a tunnel an operator must see at once. Pure."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import attrgetter

from checker.model import Status, Tunnel
from checker.model.tunnel import is_late
from reversi_tui.rows.report import Health

QUIET = frozenset(
    {"node", "port", "latency_ms", "probed_at", "checked_at", "bytes_total", "revision"}
)
"""What each probe of a tunnel that is as before may change."""
LOUD = attrgetter(*(each.name for each in fields(Tunnel) if each.name not in QUIET))


def is_news(before: Tunnel | None, after: Tunnel, every_s: float, now: float) -> bool:
    """Whether more changed than what each probe changes. A row that was stale, and no longer is,
    is news too, and so is the first check of a node.
    """
    return (
        before is None
        or LOUD(before) != LOUD(after)
        or (before.checked_at is None) is not (after.checked_at is None)
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
