"""What the operator types after `/`: words that a row must contain, `!word` must not, `column:word` in that column. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reversi_tui.columns import COLUMNS, Column
from reversi_tui.rows import Moment, Row

SEARCHED = tuple(column for column in COLUMNS if not column.ages)
NO_MOMENT = Moment(now=0.0, every_s=1.0)
"""For columns whose text does not ask for the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One word of a filter."""

    text: str
    inverted: bool
    columns: tuple[Column, ...]

    def matches(self, row: Row) -> bool:
        found = any(self.text in column.text(row, NO_MOMENT).lower() for column in self.columns)
        return found is not self.inverted


def columns_called(name: str) -> tuple[Column, ...]:
    """The columns that a half-typed name may mean."""
    return tuple(column for column in SEARCHED if name and (column.id.startswith(name) or column.title.startswith(name)))


def parse_term(word: str) -> Term | None:
    """A term, or nothing for one that says nothing yet."""
    inverted = word.startswith("!")
    text = word.removeprefix("!").lower()
    name, colon, value = text.partition(":")
    named = columns_called(name) if colon else ()
    if named:
        text = value
    return Term(text=text, inverted=inverted, columns=named or SEARCHED) if text else None


def parse_filter(text: str) -> Callable[[Row], bool]:
    """Whether a row is shown; anything that can be typed is a filter."""
    terms = tuple(term for term in map(parse_term, text.split()) if term)
    return lambda row: all(term.matches(row) for term in terms)
