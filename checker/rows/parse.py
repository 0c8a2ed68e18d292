"""Takes a filter's text apart: terms, their alternatives, and the pieces of a word. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checker.rows.terms import Part

REGEX = re.compile(r"/((?:\\.|[^/\\])+)/(?![^\s|])", re.DOTALL)
HALF_REGEX = re.compile(r"/((?:\\.|[^/\\])*)\\?\Z", re.DOTALL)
PART = re.compile(
    rf"""(?P<sign>!?)
    (?:(?P<name>[^\s":|/]+):)?
    (?P<value>!?{REGEX.pattern}|(?:"[^"]*(?:"|\Z)|[^\s"|])*)""",
    re.VERBOSE | re.DOTALL,
)
PIECE = re.compile(r'"([^"]*)"?|([^"]+)')
BLANKS = re.compile(r"\s*")


def terms_in(text: str) -> Iterator[tuple[Part, ...]]:
    """The terms of a filter, each as its alternatives."""
    at, term = end_of(BLANKS, text, 0), list[Part]()
    while at < len(text) or term:
        match = PART.match(text, at)
        assert match, "each part of it may be empty"
        term.append(
            Part(
                text=match[0],
                is_inverted=bool(match["sign"]),
                name=(match["name"] or "").lower(),
                value=match["value"],
            )
        )
        at = match.end()
        if text.startswith("|", at):
            at += 1
        else:
            yield tuple(term)
            at, term = end_of(BLANKS, text, at), []


def end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def pieces(value: str) -> tuple[str, ...]:
    """The value in lower case, cut at each `*` outside quotes, and without the quotes."""
    cut = [""]
    for quoted, plain in PIECE.findall(value):
        first, *others = plain.split("*")
        cut[-1] += quoted + first
        cut += others
    return tuple(piece.lower() for piece in cut)
