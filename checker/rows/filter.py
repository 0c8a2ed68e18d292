"""The filter after `/`: `word`, `!word`, `column:word`, `column:>number`. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from checker.nearest import nearest
from checker.rows.fields import FIELDS, NAMES, Field, fields_called
from checker.rows.row import Key, Moment, Row

SEARCHED = tuple(each for each in FIELDS if not each.ages)
"""Where to look for a word without a field."""
TERM = re.compile(r'(!?)(?:([^\s":]+):)?((?:"[^"]*(?:"|$)|[^\s"])*)')
COMPARISON = re.compile(r"(<=|>=|<|>|=)(.*)", re.DOTALL)
NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-z%]*)\Z")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
}

LOWERED: dict[Key, tuple[Row, str]] = {}
"""The rows' texts, kept for the next keystroke, which searches them again."""


def lowered(row: Row, moment: Moment) -> str:
    """The text that a word without a column is searched in."""
    kept = LOWERED.get(row.key)
    if kept is not None and kept[0] is row:
        return kept[1]
    text = "\n".join(field.text(row, moment) for field in SEARCHED).lower()
    LOWERED[row.key] = row, text
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A text in one of the columns."""

    text: str
    fields: tuple[Field, ...] = ()
    """Empty: in any of SEARCHED."""

    @property
    def asks_time(self) -> bool:
        return any(field.ages for field in self.fields)

    def holds(self, row: Row, moment: Moment) -> bool:
        if not self.fields:
            return self.text in lowered(row, moment)
        return any(self.text in field.text(row, moment).lower() for field in self.fields)


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
class Term:
    """One part of a filter."""

    claim: Word | Comparison
    inverted: bool

    def holds(self, row: Row, moment: Moment) -> bool:
        return self.claim.holds(row, moment) is not self.inverted


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """All of its terms must hold; without terms every row is shown."""

    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def asks_time(self) -> bool:
        """Whether a row may come or go as time passes."""
        return any(term.claim.asks_time for term in self.terms)

    def shows(self, row: Row, moment: Moment) -> bool:
        """Whether the row is shown; a folded row is, if one of its members is."""
        if row.members:
            return any(self.shows(member, moment) for member in row.members)
        for term in self.terms:  # noqa: SIM110 - runs thousands of times per typed letter
            if not term.holds(row, moment):
                return False
        return True


def number_in(text: str, field: Field) -> float | None:
    """The number in the column's own unit; None if the text is not one."""
    match = NUMBER.match(text)
    unit = field.units.get(match[2]) if match and field.number else None
    return None if match is None or unit is None else float(match[1]) * unit


def parse_comparison(value: str, fields: tuple[Field, ...]) -> Comparison | None:
    """A comparison such as `>200`; None if the text is not one."""
    match = COMPARISON.match(value)
    if match is None:
        return None
    numbers = ((field, number_in(match[2], field)) for field in fields)
    bounds = tuple((field, number) for field, number in numbers if number is not None)
    return Comparison(sign=match[1], bounds=bounds) if bounds else None


def parse_claim(name: str, value: str) -> Word | Comparison | None:
    """A term without its `!`; None if it is not complete yet."""
    fields = fields_called(name) if name else ()
    if fields and value in OPERATORS and any(field.number for field in fields):
        return None
    text = value.replace('"', "")
    if not fields and name:
        text = f"{name}:{text}"
    if not text:
        return None
    return parse_comparison(value, fields) or Word(text=text, fields=fields)


def parse_term(sign: str, name: str, value: str) -> Term | None:
    """One part of a filter; the `!` may be before a column's name or after its colon. None if it
    is not complete yet.
    """
    behind = bool(name and fields_called(name) and value.startswith("!"))
    claim = parse_claim(name, value[1:] if behind else value)
    return Term(claim=claim, inverted=bool(sign) is not behind) if claim else None


def mistaken_column(text: str, rows: Iterable[Row], moment: Moment) -> str:
    """The name of a column that was probably mistyped in a filter: no column has it, one has nearly
    the same, and no row contains the term as it stands. Empty if there is none.
    """
    for match in TERM.finditer(text.lower()):
        name = match[2] or ""
        if not name or fields_called(name) or not nearest(name, NAMES):
            continue
        term = Word(text=f"{name}:{match[3].replace(chr(34), '')}")
        if not any(term.holds(row, moment) for row in rows):
            return name
    return ""


def parse_filter(text: str) -> Filter:
    """The filter; every text is a valid one."""
    terms = (
        parse_term(match[1], match[2] or "", match[3]) for match in TERM.finditer(text.lower())
    )
    return Filter(terms=tuple(term for term in terms if term))
