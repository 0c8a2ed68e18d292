"""The word of a filter that is being typed: where it begins, and what it is about. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from checker.rows.grammar import is_name
from checker.rows.parse import BLANKS, PART, end_of
from checker.rows.terms import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedWord:
    """One alternative of a term, up to the cursor."""

    begin: int
    """Where it begins in the text."""
    part: Part
    name: str
    """What it is about: its own column, or that of the alternative before it; empty: none."""
    is_first: bool
    """Whether it begins its term."""

    @property
    def has_name(self) -> bool:
        """Whether a column that exists is before its colon."""
        return is_name(self.part.name)


def word_at(text: str, cursor: int) -> TypedWord:
    """The word that ends at the cursor; it may be empty."""
    typed = text[:cursor]
    at, name, is_first = end_of(BLANKS, typed, 0), "", True
    while True:
        match = PART.match(typed, at)
        assert match, "each part of it may be empty"
        part = Part(
            text=match[0],
            is_inverted=bool(match["sign"]),
            name=(match["name"] or "").lower(),
            value=match["value"],
        )
        name = part.name if is_name(part.name) else name
        if match.end() == len(typed):
            return TypedWord(begin=at, part=part, name=name, is_first=is_first)
        at = match.end()
        if typed[at] == "|":
            at, is_first = at + 1, False
        else:
            at, name, is_first = end_of(BLANKS, typed, at), "", True
