"""Which rows are shown, and in which order; recomputed only if a change asks for it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress

from checker.model import NodeName, Port
from checker.rows.cells import target_text
from checker.rows.claims import fill, forget
from checker.rows.filter import parse_filter
from checker.rows.row import Key, Moment, Row
from reversi_tui.actions.followed import Followed
from reversi_tui.rows.columns import BY_ID, SortValue
from reversi_tui.rows.layout import Needs
from reversi_tui.rows.order import in_order
from reversi_tui.rows.places import NOWHERE, Places
from reversi_tui.rows.report import Report
from reversi_tui.rows.tally import Tally
from reversi_tui.settings.preferences import Preferences

FOLD = Port(0)
"""The port in the key of a node whose forwards are folded into one row."""
PLAIN_PORT, FOLDED_PORT = 5, 8
"""Cells for a port, and for the number of ports of a folded row."""
LONG_AGO = Moment(now=math.nan, every_s=1.0)
"""A moment at which nothing is stale."""
MOVED_BY_PROBE = frozenset({"latency", "bytes", "trend", "rate", "probe"})
STEADY = BY_ID.keys() - MOVED_BY_PROBE
"""Columns in which a row that was only probed again keeps its place."""
READ_AHEAD = 200
"""Rows whose texts take about a millisecond."""


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
        self.in_fleet = False
        """Whether rows may be other gateways'."""
        self.only: frozenset[Key] | None = None
        """If not None, only these forwards can be shown."""
        self.moment = moment
        self.by_key: list[Key] = []
        """All keys in order. The next ones are lists beside it, by place: thousands of look-ups by
        key would take most of the time of a sort or of a filter's letter.
        """
        self.listed: list[Row] = []
        self.values: list[SortValue] = []
        """What the rows are sorted by."""
        self.texts: list[str | None] = []
        """What a filter's words are searched in; None: not made since the row changed."""
        self.is_in = bytearray()
        """1: the filter lets the row through."""
        self.at: dict[Key, int] = {}
        """The place of each key in those lists."""
        self.by_node: dict[NodeName, list[Key]] = {}
        self.several: set[NodeName] = set()
        """Nodes with more than one row."""
        self.order: list[Key] = []
        self.places: Mapping[Key, int] = {}
        self.shown: set[Key] = set()
        """Keys of the forwards that the filter lets through, folded or not."""
        self.folds: dict[NodeName, Row] = {}
        """The folded row of each node with several forwards shown; empty if rows are not grouped.
        """
        self.fold_values: dict[NodeName, SortValue] = {}
        self.unfolded: set[NodeName] = set()
        self.marks: set[Key] = set()
        """Keys of forwards that exist, never of folded rows."""
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
        self.in_fleet = bool(report.health.gateway)
        before = len(self.rows)
        gone = set() if report.keys is None else self.rows.keys() - report.keys
        for key in gone:
            del self.rows[key]
        forget(gone)
        changed = {row.key: row for row in report.changed}
        self.rows.update(changed)
        if probed := self.take_probed(report):
            changed = {key: row for key, row in changed.items() if key not in probed}
        self.tally.take(changed, gone, self.moment())
        if report.keys is not None:  # the registry was read: names and targets may be others
            self.needed = measured(self.rows.values(), self.needed)
            self.fold_again(())
        came_or_went = bool(gone) or len(self.rows) != before
        if came_or_went:
            self.list_keys()
        moved = self.judge(changed) or came_or_went
        if moved:
            self.arrange()
        return moved

    def take_probed(self, report: Report) -> frozenset[Key]:
        """Take in rows that were only probed again, if that can change neither their place nor
        whether they are shown; the keys of those rows.
        """
        may_move = self.sort_by not in STEADY or self.filter or self.grouped
        if may_move or report.keys is not None or not report.probed <= self.at.keys():
            return frozenset()
        probed = self.tally.unmoved_by_probe(report.probed)
        for key in probed:
            at = self.at[key]
            self.listed[at], self.texts[at] = self.rows[key], None
        return probed

    def list_keys(self) -> None:
        """List the keys again, after some came or went. Those that came are judged next."""
        known, values = self.at, self.values
        self.by_key = sorted(self.rows)
        self.at = dict(zip(self.by_key, range(len(self.by_key)), strict=True))
        self.listed = [self.rows[key] for key in self.by_key]
        self.values = [values[known[key]] if key in known else None for key in self.by_key]
        self.texts = [None] * len(self.by_key)
        self.shown &= self.rows.keys()
        self.is_in = bytearray(key in self.shown for key in self.by_key)
        self.by_node = {}
        for key in self.by_key:
            self.by_node.setdefault(key[0], []).append(key)
        self.marks &= self.rows.keys()
        self.several = {node for node, keys in self.by_node.items() if len(keys) > 1}
        self.unfolded &= self.by_node.keys()
        self.fold_all_again()

    def is_shown(self, row: Row, moment: Moment) -> bool:
        if self.only is not None and row.key not in self.only:
            return False
        return (not self.faults_only or moment.is_fault(row)) and self.filter.shows(row, moment)

    def let_time_pass(self) -> bool:
        """Decide again about rows that time alone may have changed; whether anything did. All rows
        are looked at only if the filter asks for ages.
        """
        turned = self.count().take_unjudged()
        return self.judge(self.by_key if self.filter.asks_time else turned)

    def judge(self, keys: Iterable[Key]) -> bool:
        """Decide again whether these rows are shown, and where; whether anything changed."""
        value_of, moment = BY_ID[self.sort_by].value, self.moment()
        changed = False
        nodes = set()
        all_shown = self.only is None and not self.faults_only and not self.filter
        for key in keys:
            at, row = self.at[key], self.rows[key]
            value, shown = value_of(row, moment), all_shown or self.is_shown(row, moment)
            changed |= shown != self.is_in[at] or (shown and self.values[at] != value)
            if self.listed[at] is not row:
                self.listed[at], self.texts[at] = row, None
            self.values[at], self.is_in[at] = value, shown
            (self.shown.add if shown else self.shown.discard)(key)
            nodes.add(key[0])
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
            if len(members) < 2:
                changed |= self.folds.pop(node, None) is not None
                continue
            row = fold(members, moment)
            value = value_of(row, moment)
            changed |= node not in self.folds or self.fold_values[node] != value
            self.folds[node], self.fold_values[node] = row, value
        # forwards below a fold are indented by a cell
        name = self.needed.node + bool(self.folds)
        port = FOLDED_PORT if self.folds else PLAIN_PORT
        self.needs = replace(self.needed, node=name, port=port)
        return changed

    def fold_all_again(self) -> None:
        self.fold_again(self.folds.keys() | self.several if self.grouped else set(self.folds))

    def arrange(self) -> None:
        """Sort what is shown: ties by node and port, unknown values last; unfolded forwards follow
        their node's row.
        """
        if self.folds:
            self.arrange_folded()
            return
        places = self.in_order(list(compress(range(len(self.by_key)), self.is_in)), self.values)
        self.order = [self.by_key[at] for at in places]
        found = [NOWHERE] * len(self.by_key)
        for place, at in enumerate(places):
            found[at] = place
        self.places = Places(self.order, self.at, found)

    def in_order(self, places: Sequence[int], values: Sequence[SortValue]) -> list[int]:
        """The places, sorted by what is there."""
        return in_order(places, values, backwards=self.backwards)

    def arrange_folded(self) -> None:
        keys = self.with_folds(list(compress(self.by_key, self.is_in)))
        values = [
            self.fold_values[key[0]] if key[1] == FOLD else self.values[self.at[key]]
            for key in keys
        ]
        order = [keys[at] for at in self.in_order(range(len(keys)), values)]
        if self.unfolded:
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
        moment, only = self.moment(), self.only
        places = self.filter.among(self.listed, self.texts, moment)
        if only is not None:
            places = [at for at in places if self.by_key[at] in only]
        if self.faults_only:
            places = [at for at in places if moment.is_fault(self.listed[at])]
        self.is_in = bytearray(len(self.by_key))
        for at in places:
            self.is_in[at] = 1
        self.shown = set(compress(self.by_key, self.is_in))
        self.fold_all_again()
        self.arrange()

    def read_ahead(self) -> Iterator[None]:
        """Make the texts that the first letter of a filter searches, a few with each step."""
        for begin in range(0, len(self.texts), READ_AHEAD):
            part = slice(begin, begin + READ_AHEAD)
            self.texts[part] = fill(self.texts[part], self.listed[part], self.moment())
            yield

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
        self.value_all()
        self.judge_all()

    def set_unfolded(self, node: NodeName, unfolded: bool) -> None:
        (self.unfolded.add if unfolded else self.unfolded.discard)(node)
        self.arrange()

    def set_sort(self, column: str, *, backwards: bool) -> None:
        self.sort_by, self.backwards = column, backwards
        self.value_all()
        self.fold_again(set(self.folds))
        self.arrange()

    def value_all(self) -> None:
        """Take the value of each row in the column that sorts."""
        column, moment = BY_ID[self.sort_by], self.moment()
        value_of, value_now = column.sort_value, column.sort_now
        self.values = (
            [value_of(row) for row in self.listed]
            if value_now is None
            else [value_now(row, moment) for row in self.listed]
        )

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
