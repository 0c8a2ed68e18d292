"""Reads the figures of the uptime screen, in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from checker.control.uptimes import Span, read_uptimes
from checker.model import Forward
from checker.rows.uptimes import DAY_S, MONTH, Reported, day_at, first_day


def last_month(path: Path, forwards: Iterable[Forward], now: float) -> list[Reported]:
    """How these forwards did in the last 30 days. Raises StateError."""
    span = Span(since=first_day(now, MONTH), until=day_at(now + DAY_S))
    return read_uptimes(path, forwards, span, now)
