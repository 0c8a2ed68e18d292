"""Which rows are muted. Pure.

A mute's filter looks only at what the admin decided. If it looked at what was seen, `status:down`
would silence the next outage of every node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from checker.model import Forward, InvalidValue, Mute, Mutes, Status, Tunnel
from checker.model.mute import MOST_FILTER
from checker.rows.fields import fields_called
from checker.rows.filter import Filter, parse_filter
from checker.rows.mistakes import mistake
from checker.rows.row import NOTHING_MORE, Key, Moment, Row

DECIDED = ("node", "port", "target", "expect", "tags", "note", "pub")
"""Ids of the fields that a mute's filter may name."""
STATUSES = frozenset(status.value for status in Status)
QUOTED = re.compile(r'"[^"]*"?')
NAME = re.compile(r"(?:^|(?<=[\s|!]))([^\s:|!\"]+):")
WORDS = re.compile(r"[\s|!\"]+")
WHENEVER = Moment(now=0.0, every_s=1.0)
Decided = tuple[Forward | None, tuple[str, ...], str, str]


class SeenInMute(InvalidValue):
    """A mute's filter that depends on what was seen."""

    def __init__(self, word: str) -> None:
        super().__init__(
            f"a mute cannot depend on {word!r}, which changes by itself: later faults would be"
            f" silent too; its filter may name {', '.join(DECIDED)}"
        )


def parse_mute_filter(text: str) -> Filter:
    """The filter of a mute. Raises SeenInMute, InvalidValue."""
    found = parse_filter(text)
    if not found or len(text) > MOST_FILTER or not text.isprintable():
        raise InvalidValue(
            f"the filter of a mute must say something, in at most {MOST_FILTER} printable"
            " characters, for example 'tag:site-a'"
        )
    for word in seen_words(text.lower()):
        raise SeenInMute(word)
    wrong = mistake(text, (), WHENEVER)
    if wrong:
        raise InvalidValue(wrong)
    return found


def seen_words(text: str) -> Iterator[str]:
    """The columns in a filter that say what was seen, and the words that are a status."""
    for name in NAME.findall(QUOTED.sub('""', text)):
        if name == "is" or any(field.id not in DECIDED for field in fields_called(name)):
            yield name
    yield from (word for word in WORDS.split(text) if word in STATUSES)


def as_registered(row: Row) -> Row:
    """The row without anything that was seen of it."""
    return replace(row, seen=Tunnel(node=row.seen.node, port=row.seen.port), known=NOTHING_MORE)


class RowMutes:
    """The mutes in force, for thousands of rows."""

    def __init__(self, mutes: Iterable[Mute], now: float) -> None:
        self.mutes = Mutes(mutes, now)
        self.filters = dict(self.valid_filters())
        self.kept: dict[Key, tuple[Decided, frozenset[str]]] = {}
        """The filters that match a row, as long as what was decided about it stays."""

    def valid_filters(self) -> Iterable[tuple[str, Filter]]:
        """The filters by their text. One that is not valid was written by hand, and mutes nothing:
        an alert too many is better than silence.
        """
        for mute in self.mutes.filters:
            try:
                yield mute.selector.filter_text, parse_mute_filter(mute.selector.filter_text)
            except InvalidValue:
                continue

    def __bool__(self) -> bool:
        return bool(self.mutes)

    def muting(self, row: Row) -> Mute | None:
        """The mute that silences this row, of several the one that lasts longest; None if none
        does.
        """
        matching = self.matching(row) if self.filters else frozenset()
        return self.mutes.muting(row.seen.node, row.seen.port, matching.__contains__)

    def all_muting(self, row: Row) -> tuple[Mute, ...]:
        """Each mute that silences this row."""
        matching = self.matching(row)
        node, port = row.key
        return tuple(
            mute
            for mute in self.mutes.in_force
            if mute.selector.filter_text in matching
            or (mute.selector.node == node and mute.selector.port in (None, port))
        )

    def matching(self, row: Row) -> frozenset[str]:
        """The texts of the filters that match the row."""
        decided = (row.forward, row.tags, row.note, row.barred)
        kept = self.kept.get(row.key)
        if kept is not None and kept[0] == decided:
            return kept[1]
        plain = as_registered(row)
        found = frozenset(
            text for text, wanted in self.filters.items() if wanted.shows(plain, WHENEVER)
        )
        self.kept[row.key] = decided, found
        return found
