"""Reads the figures of the uptime screen, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.uptimes import Span, read_uptimes
from checker.model import Forward
from checker.rows.uptimes import DAY_S, MONTH, Reported, day_at, first_day


def last_month(
    layout: Layout, forwards: Iterable[Forward], now: float, *, only_here: bool
) -> list[Reported]:
    """How these forwards did in the last 30 days; `only_here`: without what other gateways of the
    fleet saw. Raises StateError.
    """
    span = Span(since=first_day(now, MONTH), until=day_at(now + DAY_S))
    mirrors = () if only_here else mirrors_of(layout)
    return read_uptimes(layout.state, forwards, span, now, mirrors=mirrors)


def mirrors_of(layout: Layout) -> Sequence[Path]:
    """The state files of the other gateways; none if the settings cannot be read now."""
    from checker.control.fleet_rows import mirror_paths  # only a fleet needs it

    try:
        return mirror_paths(layout)
    except ConfigError:
        return ()
