"""What a term of a filter says about a row. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from checker.rows.fields import FIELDS, Field
from checker.rows.row import Key, Moment, Row
from checker.rows.states import STATES, TIMED

SEARCHED = tuple(each for each in FIELDS if not each.ages and each.searched)
"""Where to look for a word without a column."""
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
}

LOWERED: dict[Key, tuple[Row, str]] = {}
"""The rows' values, kept for the next keystroke, which searches them again."""


def lowered(row: Row, moment: Moment) -> str:
    """The values that a word without a column is searched in, one a line."""
    kept = LOWERED.get(row.key)
    if kept is not None and kept[0] is row:
        return kept[1]
    if kept is not None and is_worded_alike(kept[0], row):
        text = kept[1]
    else:
        values = (value for field in SEARCHED for value in field.lasting(row, moment))
        text = "\n".join(filter(None, values)).lower()
    LOWERED[row.key] = row, text
    return text


def is_worded_alike(one: Row, other: Row) -> bool:
    """Whether both surely have the same values: only their probes differ. Making the values again
    takes twenty times as long.
    """
    a, b = one.seen, other.seen
    return (
        a.status is b.status
        and a.detail == b.detail
        and a.latency_ms == b.latency_ms
        and a.session == b.session
        and a.peer == b.peer
        and a.kills == b.kills
        and a.bytes_total == b.bytes_total
        and one.known is other.known
        and one.forward is other.forward
        and one.applicant is other.applicant
        and one.unregistered is other.unregistered
        and one.barred == other.barred
        and one.why_barred == other.why_barred
        and one.tags == other.tags
        and one.note == other.note
        and one.where is other.where
        and one.members is other.members
    )


def fill(texts: list[str | None], rows: Sequence[Row], moment: Moment) -> list[str]:
    """Make those of the rows' values that are missing; return the list."""
    for at in [at for at, text in enumerate(texts) if text is None]:
        texts[at] = lowered(rows[at], moment)
    return cast("list[str]", texts)


def forget(keys: Iterable[Key]) -> None:
    """Keep nothing of rows that are gone: devices can make new ones without end."""
    for key in keys:
        LOWERED.pop(key, None)


class Claim(Protocol):
    """Something about a row that is true or not."""

    @property
    def asks_time(self) -> bool:
        """Whether it may change as time passes."""
        ...

    def holds(self, row: Row, moment: Moment) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A text in one of the columns; in some it must be the whole value."""

    text: str
    fields: tuple[Field, ...] = ()
    """Empty: in any of SEARCHED."""
    whole: bool = False
    """It must be the whole value, in each column."""

    @property
    def asks_time(self) -> bool:
        return any(field.asks_time for field in self.fields)

    def holds(self, row: Row, moment: Moment) -> bool:
        if not self.fields:
            return self.text in lowered(row, moment)
        return any(self.is_in(field, row, moment) for field in self.fields)

    def is_in(self, field: Field, row: Row, moment: Moment) -> bool:
        values = field.found(row, moment)
        if self.whole:
            return self.text in map(str.lower, values)
        if field.whole is not None and field.whole(self.text):
            return self.text in values
        return any(self.text in value.lower() for value in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A wildcard or a regular expression that a value of the columns matches."""

    pattern: re.Pattern[str]
    fields: tuple[Field, ...] = ()
    """Empty: in any of SEARCHED."""

    @property
    def asks_time(self) -> bool:
        return any(field.asks_time for field in self.fields)

    def holds(self, row: Row, moment: Moment) -> bool:
        search = self.pattern.search
        if not self.fields:
            return search(lowered(row, moment)) is not None
        return any(
            value and search(value.lower())
            for field in self.fields
            for value in field.found(row, moment)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A column's number compared to a bound; an unknown number never matches."""

    sign: str
    bounds: tuple[tuple[Field, float], ...]

    @property
    def asks_time(self) -> bool:
        return any(field.ages for field, _ in self.bounds)

    def holds(self, row: Row, moment: Moment) -> bool:
        compare = OPERATORS[self.sign]
        numbers = (
            (field.number(row, moment) if field.number else None, bound)
            for field, bound in self.bounds
        )
        return any(number is not None and compare(number, bound) for number, bound in numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One of the states behind `is:`."""

    words: tuple[str, ...]

    @property
    def asks_time(self) -> bool:
        return not TIMED.isdisjoint(self.words)

    def holds(self, row: Row, moment: Moment) -> bool:
        return any(STATES[word](row, moment) for word in self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    claim: Claim

    @property
    def asks_time(self) -> bool:
        return self.claim.asks_time

    def holds(self, row: Row, moment: Moment) -> bool:
        return not self.claim.holds(row, moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    claims: tuple[Claim, ...]

    @property
    def asks_time(self) -> bool:
        return any(claim.asks_time for claim in self.claims)

    def holds(self, row: Row, moment: Moment) -> bool:
        return any(claim.holds(row, moment) for claim in self.claims)
