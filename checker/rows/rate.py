"""Bytes per second through a connection: the last ones as a line of small bars. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from checker.rows.cells import bytes_text
from checker.rows.row import Row
from checker.rows.trend import BARS, SAMPLES

UNKNOWN = "·"
QUIET = 1000.0
"""Bytes per second. Beats and probes take less: the bars of an idle tunnel stay low."""


def rates_of(row: Row) -> Sequence[float]:
    """The last rates, the newest last, NaN if unknown. Of folded rows, the sum over their
    connections.
    """
    if not row.members:
        return row.known.rates
    found = {member.seen.session or member.key: member.known.rates for member in row.members}
    columns = [[rates[-back] for rates in found.values() if len(rates) >= back] for back in BACK]
    return tuple(reversed([total(column) for column in columns if column]))


BACK = range(1, SAMPLES + 1)


def total(rates: Iterable[float]) -> float:
    """The sum of the known ones; NaN if none is."""
    known = [rate for rate in rates if not math.isnan(rate)]
    return sum(known) if known else math.nan


def rate_value(row: Row) -> float | None:
    """Bytes per second now; None: unknown."""
    rates = rates_of(row)
    return None if not rates or math.isnan(rates[-1]) else rates[-1]


def rate_text(rates: Sequence[float]) -> str:
    """A bar for each rate, the newest last, and the newest as a number; empty if none is known.

    The highest bar is the highest rate, or QUIET if all are lower.
    """
    known = [rate for rate in rates if not math.isnan(rate)]
    if not known:
        return ""
    most = max(*known, QUIET)
    bars = "".join(
        UNKNOWN if math.isnan(rate) else BARS[int(rate / most * (len(BARS) - 1))] for rate in rates
    )
    now = "" if math.isnan(rates[-1]) else bytes_text(rates[-1])
    return f"{bars} {now:>4}/s" if now else bars
