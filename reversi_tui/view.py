"""Which rows are shown, and in which order; recomputed only if a change asks for it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

from checker.model import NodeName, Port
from checker.rows.cells import target_text
from checker.rows.claims import forget
from checker.rows.filter import parse_filter
from checker.rows.row import Key, Moment, Row
from reversi_tui.actions.followed import Followed
from reversi_tui.rows.columns import BY_ID, SortValue
from reversi_tui.rows.layout import Needs
from reversi_tui.rows.report import Report
from reversi_tui.rows.tally import Tally
from reversi_tui.settings.preferences import Preferences

FOLD = Port(0)
"""The port in the key of a node whose forwards are folded into one row."""
PLAIN_PORT, FOLDED_PORT = 5, 8
"""Cells for a port, and for the number of ports of a folded row."""
LONG_AGO = Moment(now=math.nan, every_s=1.0)
"""A moment at which nothing is stale."""


def fold(members: Sequence[Row], moment: Moment) -> Row:
    """A node's rows as one, with the status of the worst."""
    worst = min(members, key=moment.badness)
    return replace(worst, seen=replace(worst.seen, port=FOLD), members=tuple(members))


def nearest(order: Sequence[Key], place: int, remaining: Container[Key]) -> Key | None:
    """The remaining row that was nearest to this place of the order; of two, the lower one. None if
    none of them remains.
    """
    for distance in range(max(place + 1, len(order) - place)):
        for at in (place + distance, place - distance):
            if 0 <= at < len(order) and order[at] in remaining:
                return order[at]
    return None


def measured(rows: Iterable[Row], before: Needs) -> Needs:
    """The cells that nodes and targets take; as before if there are no rows."""
    nodes, targets = set[int](), set[int]()
    for row in rows:
        nodes.add(len(row.seen.node) + row.unregistered)
        targets.add(len(target_text(row)))
    return replace(before, node=max(nodes), target=max(targets)) if nodes else before


class View:
    """All rows, the filter and the sort order; `order` is what the screen shows."""

    def __init__(
        self, wanted: Preferences, moment: Callable[[], Moment] = lambda: LONG_AGO
    ) -> None:
        self.rows: dict[Key, Row] = {}
        self.sort_by, self.backwards = wanted.sort_by, wanted.backwards
        self.filter_text, self.filter = wanted.filter_text, parse_filter(wanted.filter_text)
        self.faults_only, self.grouped = wanted.faults_only, wanted.grouped
        self.named = ""
        """The name of the view that is shown; empty if it has no name."""
        self.followed: Followed | None = None
        """The last kill or reset."""
        self.only: frozenset[Key] | None = None
        """If not None, only these forwards can be shown."""
        self.moment = moment
        self.by_key: list[Key] = []
        self.by_node: dict[NodeName, list[Key]] = {}
        self.order: list[Key] = []
        self.places: dict[Key, int] = {}
        self.shown: set[Key] = set()
        """Keys of the forwards that the filter lets through, folded or not."""
        self.folds: dict[NodeName, Row] = {}
        """The folded row of each node with several forwards shown; empty if rows are not grouped.
        """
        self.unfolded: set[NodeName] = set()
        self.marks: set[Key] = set()
        """Keys of forwards that exist, never of folded rows."""
        self.values: dict[Key, SortValue] = {}
        self.needed = self.needs = Needs()
        """What the texts need, without and with folds."""
        self.tally = Tally(self.rows)

    def row(self, key: Key | None) -> Row | None:
        """The row of that key, folded or not."""
        if key is None:
            return None
        return self.folds.get(key[0]) if key[1] == FOLD else self.rows.get(key)

    def apply(self, report: Report) -> bool:
        """Take in a report; whether the order changed."""
        before = len(self.rows)
        gone = set() if report.keys is None else self.rows.keys() - report.keys
        for key in gone:
            del self.rows[key]
            self.values.pop(key, None)
        forget(gone)
        self.rows.update({row.key: row for row in report.changed})
        self.tally.take((row.key for row in report.changed), gone, self.moment())
        if report.keys is not None:  # the registry was read: names and targets may be others
            self.needed = measured(self.rows.values(), self.needed)
            self.fold_again(())
        if gone or len(self.rows) != before:
            self.list_keys()
        moved = self.judge(report.changed) or bool(gone) or len(self.rows) != before
        if moved:
            self.arrange()
        return moved

    def list_keys(self) -> None:
        """List the keys again, after some came or went."""
        self.by_key = sorted(self.rows)
        self.by_node = {}
        for key in self.by_key:
            self.by_node.setdefault(key[0], []).append(key)
        self.shown &= self.rows.keys()
        self.marks &= self.rows.keys()
        self.unfolded &= self.by_node.keys()
        self.fold_again(
            self.folds.keys() | {node for node, keys in self.by_node.items() if len(keys) > 1}
        )

    def is_shown(self, row: Row, moment: Moment) -> bool:
        if self.only is not None and row.key not in self.only:
            return False
        return (not self.faults_only or moment.is_fault(row)) and self.filter.shows(row, moment)

    def let_time_pass(self) -> bool:
        """Decide again about rows that time alone may have changed; whether anything did. All rows
        are looked at only if the filter asks for ages.
        """
        turned = self.count().take_unjudged()
        if self.filter.asks_time:
            return self.judge(self.rows.values())
        return bool(turned) and self.judge([self.rows[key] for key in turned])

    def judge(self, rows: Iterable[Row]) -> bool:
        """Decide again whether these rows are shown, and where; whether anything changed."""
        value_of, moment = BY_ID[self.sort_by].value, self.moment()
        changed = False
        nodes = set()
        for row in rows:
            key, value, shown = row.key, value_of(row, moment), self.is_shown(row, moment)
            changed |= shown is not (key in self.shown) or (shown and self.values.get(key) != value)
            self.values[key] = value
            (self.shown.add if shown else self.shown.discard)(key)
            nodes.add(row.seen.node)
        return self.fold_again(nodes) or changed if self.grouped else changed

    def fold_again(self, nodes: Iterable[NodeName]) -> bool:
        """Fold these nodes' rows again; whether a folded row came, went or moved."""
        value_of, moment = BY_ID[self.sort_by].value, self.moment()
        changed = False
        for node in nodes:
            members = (
                [self.rows[key] for key in self.by_node.get(node, ()) if key in self.shown]
                if self.grouped
                else []
            )
            key = (node, FOLD)
            if len(members) < 2:
                changed |= self.folds.pop(node, None) is not None
                self.values.pop(key, None)
                continue
            row = fold(members, moment)
            value = value_of(row, moment)
            changed |= node not in self.folds or self.values.get(key) != value
            self.folds[node], self.values[key] = row, value
        # forwards below a fold are indented by a cell
        name = self.needed.node + bool(self.folds)
        port = FOLDED_PORT if self.folds else PLAIN_PORT
        self.needs = replace(self.needed, node=name, port=port)
        return changed

    def arrange(self) -> None:
        """Sort what is shown: ties by node and port, unknown values last; unfolded forwards follow
        their node's row.
        """
        keys = [key for key in self.by_key if key in self.shown]
        if self.folds:
            keys = self.with_folds(keys)
        known = [key for key in keys if self.values[key] is not None]
        known.sort(key=lambda key: self.values[key] or (), reverse=self.backwards)
        order = known + [key for key in keys if self.values[key] is None]
        if self.folds and self.unfolded:
            order = [each for key in order for each in (key, *self.under(key))]
        self.order = order
        self.places = {key: place for place, key in enumerate(order)}

    def with_folds(self, keys: Sequence[Key]) -> list[Key]:
        """The keys, with each folded node's forwards replaced by its one row."""
        return list(dict.fromkeys((key[0], FOLD) if key[0] in self.folds else key for key in keys))

    def under(self, key: Key) -> tuple[Key, ...]:
        """Keys of the rows below this one: the forwards of an unfolded node."""
        row = self.folds.get(key[0]) if key[1] == FOLD and key[0] in self.unfolded else None
        return tuple(member.key for member in row.members) if row else ()

    def judge_all(self) -> None:
        """Decide again which rows are shown; their sort values have not changed."""
        moment = self.moment()
        self.shown = {key for key, row in self.rows.items() if self.is_shown(row, moment)}
        self.fold_again(list(self.by_node))
        self.arrange()

    def set_filter(self, text: str) -> None:
        self.filter_text, self.filter = text, parse_filter(text)
        self.judge_all()

    def set_faults_only(self, faults_only: bool) -> None:
        self.faults_only = faults_only
        self.judge_all()

    def set_grouped(self, grouped: bool) -> None:
        self.grouped = grouped
        self.unfolded.clear()
        self.judge_all()

    def look(self, wanted: Preferences, only: frozenset[Key] | None = None) -> None:
        """Set filter, faults only, groups and order at once, for all forwards or only these."""
        self.only = only
        self.filter_text, self.filter = wanted.filter_text, parse_filter(wanted.filter_text)
        self.faults_only, self.grouped = wanted.faults_only, wanted.grouped
        self.unfolded.clear()
        self.sort_by, self.backwards = wanted.sort_by, wanted.backwards
        value_of, moment = BY_ID[self.sort_by].value, self.moment()
        self.values = {key: value_of(row, moment) for key, row in self.rows.items()}
        self.judge_all()

    def set_unfolded(self, node: NodeName, unfolded: bool) -> None:
        (self.unfolded.add if unfolded else self.unfolded.discard)(node)
        self.arrange()

    def set_sort(self, column: str, *, backwards: bool) -> None:
        self.sort_by, self.backwards = column, backwards
        value_of, moment = BY_ID[column].value, self.moment()
        self.values = {key: value_of(row, moment) for key, row in self.rows.items()}
        self.fold_again(list(self.folds))
        self.arrange()

    def mark(self, keys: Iterable[Key], *, marked: bool) -> None:
        """Mark these forwards, or unmark them; unknown keys are ignored."""
        keys = {key for key in keys if key in self.rows}
        self.marks = self.marks | keys if marked else self.marks - keys

    def marked(self) -> tuple[Row, ...]:
        """The marked rows, sorted by name."""
        return tuple(self.rows[key] for key in sorted(self.marks))

    def is_marked(self, row: Row) -> bool:
        return all(member.key in self.marks for member in row.members or (row,))

    def find(self, text: str) -> int | None:
        """The place of the first row whose node begins with the text, else of the first one that
        contains it; None if there is neither.
        """
        text = text.lower()
        names = [node for node, _ in self.order]
        begins = next((place for place, name in enumerate(names) if name.startswith(text)), None)
        return (
            begins
            if begins is not None
            else next((place for place, name in enumerate(names) if text in name), None)
        )

    def find_on(self, text: str, place: int, step: int) -> int | None:
        """The nearest row after this place (step 1) or before it (step -1) whose node contains the
        text; after the last row comes the first one. None if no node contains it.
        """
        text, count = text.lower(), len(self.order)
        places = ((place + step * far) % count for far in range(1, count + 1))
        return next((at for at in places if text in self.order[at][0]), None)

    def count(self) -> Tally:
        """The number of all rows in each state, filtered out or not."""
        self.tally.look(self.moment())
        return self.tally
