"""Wildcards and regular expressions of a filter, and which expressions are refused. Pure."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from checker.model import CheckerError

MOST_LETTERS = 200
MOST_REPEATS = 2
"""One more after `^`. Each further one multiplies the time by the length of a value: with these,
usual values of 10,000 rows take 0.3 s, and values of 160 equal letters 20 s (150 s with choices).
"""
MOST_CHOICES = 3
"""Optional parts, and groups with alternatives."""
REGEX_FLAGS = re.IGNORECASE | re.MULTILINE
TOKEN = re.compile(
    r"""\\.                                       # an escaped letter
    | \[\^?\]?(?:\\.|[^\]\\])*\]                  # a set of letters
    | (?P<opens>\((?:\?(?:[:=!]|<[=!]))?(?!\?))   # a group; other kinds of (?...) are refused
    | (?P<closes>\))
    | (?P<either>\|)
    | (?P<fixed>\{[0-9]+\})[?+]?
    | (?P<repeats>[*+]|\{[0-9]*,[0-9]*\})[?+]?
    | (?P<optional>\?)[?+]?
    | .""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(slots=True)
class Group:
    """What the scan of an expression has seen in a group so far."""

    varies: bool = False
    """Whether it can match one text in several ways."""
    has_alternatives: bool = False


class InvalidPattern(CheckerError):
    """A regular expression that is not valid, or could take for ever."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f"the pattern /{source}/ {reason}; to search for this text, write it in quotes"
        )


def endless(source: str) -> str:
    """Why matching could take for ever, as a clause; empty if it cannot.

    Python's expressions try every way to match, and nothing can interrupt them.
    """
    if len(source) > MOST_LETTERS:
        return f"is longer than {MOST_LETTERS} letters"
    groups, closed, repeats, choices = [Group()], Group(), 0, 0
    for token in TOKEN.finditer(source):
        if token[0] == "(" and source.startswith("?", token.end()):
            return "has an option or a named group, which filters do not know"
        if token["opens"]:
            groups.append(Group())
        elif token["closes"] and len(groups) > 1:
            closed = groups.pop()
            groups[-1].varies |= closed.varies
            choices += closed.has_alternatives
            continue
        elif token["either"]:
            groups[-1].varies = groups[-1].has_alternatives = True
        elif closed.varies and (token["fixed"] or token["repeats"]):
            return "repeats a group that repeats something or has alternatives"
        elif token["repeats"] or token["optional"]:
            groups[-1].varies = True
            repeats += bool(token["repeats"])
            choices += bool(token["optional"])
        closed = Group()
    anchored = source.startswith("^") and not groups[0].has_alternatives
    if repeats > MOST_REPEATS + anchored:
        return f"has more than {MOST_REPEATS} repetitions ({MOST_REPEATS + 1} after a leading ^)"
    return f"has more than {MOST_CHOICES} optional parts" if choices > MOST_CHOICES else ""


@lru_cache(maxsize=64)
def regex(source: str) -> re.Pattern[str]:
    """The expression, which finds parts of a value. Raises InvalidPattern."""
    reason = endless(source)
    if reason:
        raise InvalidPattern(source, reason)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on what later versions may read otherwise
            return re.compile(source, REGEX_FLAGS)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidPattern(source, f"is not valid ({error})") from error


def beginning(source: str) -> re.Pattern[str] | None:
    """The longest beginning of a half-typed expression that is valid; None if none is."""
    for length in range(min(len(source), MOST_LETTERS), 0, -1):
        try:
            return regex(source[:length])
        except InvalidPattern:
            continue
    return None


def wildcard(pieces: Sequence[str]) -> re.Pattern[str]:
    """What matches a whole value: these pieces, with anything in between. One pass over the value
    finds that it does not match.
    """
    first, *middle, last = map(re.escape, pieces)
    passed = "".join(rf"(?>[^\n]*?{piece})" for piece in middle)
    return re.compile(rf"^{first}{passed}[^\n]*{last}$", re.MULTILINE)
