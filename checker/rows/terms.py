"""A filter as terms that must all hold, and how each was typed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from checker.rows.claims import Claim, Word, fill
from checker.rows.row import Moment, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One alternative of a term, as it was typed."""

    text: str
    is_inverted: bool
    """Whether a `!` is before it."""
    name: str
    """What is before its colon, in lower case; empty: there is no colon."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One part of a filter."""

    claim: Claim
    inverted: bool
    parts: tuple[Part, ...] = field(default=(), compare=False)
    """As it was typed."""

    def holds(self, row: Row, moment: Moment) -> bool:
        return self.claim.holds(row, moment) is not self.inverted

    def among(
        self, places: Iterable[int], rows: Sequence[Row], texts: list[str | None], moment: Moment
    ) -> list[int]:
        """Those of the places at which it holds for the row."""
        claim, inverted = self.claim, self.inverted
        if isinstance(claim, Word) and not claim.fields:
            word, values = claim.text, fill(texts, rows, moment)
            return [at for at in places if (word in values[at]) is not inverted]
        return [at for at in places if claim.holds(rows[at], moment) is not inverted]


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

    def among(self, rows: Sequence[Row], texts: list[str | None], moment: Moment) -> Sequence[int]:
        """The places of the rows that are shown; none of them is folded. A letter of a filter asks
        for all rows at once, where a call for each would take most of the time. `texts` are what
        words are searched in, by place; None: not made yet.
        """
        places: Sequence[int] = range(len(rows))
        for term in self.terms:
            places = term.among(places, rows, texts, moment)
        return places
