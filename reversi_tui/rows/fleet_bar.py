"""The whole fleet as a bar: faults have ink, what is up is a thin line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from checker.model import Status
from checker.rows.hours import Level
from checker.rows.row import STALE
from reversi_tui.rows.palette import Palette
from reversi_tui.rows.tally import Tally

CELLS = 24
Piece = tuple[str, str]
"""Cells of one kind, and their style."""


def shares(counts: Sequence[int], cells: int = CELLS) -> tuple[int, ...]:
    """The cells of each count in proportion; each that is not 0 gets one, at the cost of the
    largest.
    """
    total = sum(counts)
    if not total:
        return (0,) * len(counts)
    found = [count and max(1, count * cells // total) for count in counts]
    while sum(found) != cells:
        most = found.index(max(found))
        found[most] += 1 if sum(found) < cells else -1
    return tuple(found)


def fleet_bar(tally: Tally, palette: Palette) -> tuple[Piece, ...]:
    """Stale rows, faults worst first, those out on purpose, and those that are up, in 24 cells;
    none if there are no rows.
    """
    statuses = tally.statuses()
    up = statuses.pop(Status.UP, 0)
    kinds = [
        (tally.counts[STALE], Level.NONE, palette.warning),
        *((count, Level.NONE, palette.status[status]) for status, count in statuses.items()),
        (sum(tally.shut().values()), Level.UNWATCHED, palette.dim),
        (up, Level.FULL, palette.levels[Level.FULL]),
    ]
    lengths = shares([count for count, _, _ in kinds])
    return tuple(
        (level.value * length, style)
        for (_, level, style), length in zip(kinds, lengths, strict=True)
        if length
    )
