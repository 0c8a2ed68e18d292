"""The filter after `/` and `--filter`: which rows a text shows. Pure."""

from __future__ import annotations

from checker.rows.terms import Filter

__all__ = ["Filter", "parse_filter"]


def parse_filter(text: str) -> Filter:
    """The filter; every text is a valid one."""
    if not text.strip():
        return Filter()
    from checker.rows.grammar import parse_term  # `--once` without a filter does not need it
    from checker.rows.parse import terms_in

    found = map(parse_term, terms_in(text))
    return Filter(terms=tuple(term for term in found if term))
