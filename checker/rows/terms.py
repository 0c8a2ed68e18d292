"""A filter as terms that must all hold, and how each was typed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from checker.rows.claims import Claim
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
