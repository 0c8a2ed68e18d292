"""The rows as they were last reported: one that was only probed again is made from that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from checker.model import Tunnel
from checker.rows.row import Key, Row


class Made:
    """Only the reading thread uses it."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}

    def take(self, rows: Iterable[Row], keys: Collection[Key] | None) -> None:
        """Note what is reported; `keys` are all rows there are, if others are than before."""
        self.rows.update((row.key, row) for row in rows)
        if keys is not None:
            self.rows = {key: row for key, row in self.rows.items() if key in keys}

    def again(self, seen: Tunnel, trend: Sequence[float], rates: Sequence[float]) -> Row | None:
        """The row as reported, except for the probe: thousands are made between two sweeps, so
        nothing else is looked up. None: that would not be the whole row.
        """
        row = self.rows.get((seen.node, seen.port))
        if row is None or row.forward is None or row.applicant is not None:
            return None
        if row.known.trend is not trend or row.known.rates is not rates:
            return None
        return row.seen_as(seen)
