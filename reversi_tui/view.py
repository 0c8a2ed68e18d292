"""Which rows are shown and in which order: by key, recomputed only where a change asks for it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from checker.model import Status
from reversi_tui.columns import BY_ID, SortValue
from reversi_tui.filter import parse_filter
from reversi_tui.rows import Key, Report, Row


class View:
    """All rows, the filter and the sort; `order` is what the screen shows."""

    def __init__(self, *, sort_by: str = "node", backwards: bool = False, filter_text: str = "") -> None:
        self.rows: dict[Key, Row] = {}
        self.sort_by = sort_by
        self.backwards = backwards
        self.filter_text = filter_text
        self.shows = parse_filter(filter_text)
        self.by_key: list[Key] = []
        self.order: list[Key] = []
        self.places: dict[Key, int] = {}
        self.shown: set[Key] = set()
        self.values: dict[Key, SortValue] = {}
        self.longest_name = 0

    def apply(self, report: Report) -> bool:
        """Take in what the reader found; whether the order changed."""
        before = len(self.rows)
        gone = set() if report.keys is None else self.rows.keys() - report.keys
        for key in gone:
            del self.rows[key]
        self.rows.update({row.key: row for row in report.changed})
        if gone or len(self.rows) != before:
            self.by_key = sorted(self.rows)
            self.longest_name = max((len(node) for node, _ in self.rows), default=0)
            self.shown &= self.rows.keys()
        moved = self.judge(report.changed) or bool(gone) or len(self.rows) != before
        if moved:
            self.arrange()
        return moved

    def judge(self, rows: Iterable[Row]) -> bool:
        """Ask anew which of these rows are shown and where they belong; whether any answer changed."""
        value_of = BY_ID[self.sort_by].sort_value
        changed = False
        for row in rows:
            key, value, shown = row.key, value_of(row), self.shows(row)
            changed |= shown is not (key in self.shown) or (shown and self.values.get(key) != value)
            self.values[key] = value
            (self.shown.add if shown else self.shown.discard)(key)
        return changed

    def arrange(self) -> None:
        """Sort what is shown: ties by node and port, what is not known last."""
        keys = [key for key in self.by_key if key in self.shown]
        known = [key for key in keys if self.values[key] is not None]
        known.sort(key=lambda key: self.values[key] or (), reverse=self.backwards)
        self.order = known + [key for key in keys if self.values[key] is None]
        self.places = {key: place for place, key in enumerate(self.order)}

    def set_filter(self, text: str) -> None:
        self.filter_text, self.shows = text, parse_filter(text)
        self.judge(self.rows.values())
        self.arrange()

    def set_sort(self, column: str, *, backwards: bool) -> None:
        self.sort_by, self.backwards = column, backwards
        value_of = BY_ID[column].sort_value
        self.values = {key: value_of(row) for key, row in self.rows.items()}
        self.arrange()

    def counts(self) -> dict[Status, int]:
        """How many rows of each status there are, filtered out or not, worst first."""
        found = Counter(row.seen.status for row in self.rows.values())
        return {status: found[status] for status in Status if found[status]}
