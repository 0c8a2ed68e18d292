"""What is wrong with a filter, and why it shows nothing, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from checker.model import CheckerError
from checker.nearest import did_you_mean, nearest
from checker.rows.claims import Word
from checker.rows.fields import BY_ID, NAMES, OF_EVENTS, Field, UnknownColumn, fields_called
from checker.rows.filter import parse_filter
from checker.rows.grammar import IS, is_name, parse_part, parse_term
from checker.rows.parse import HALF_REGEX, REGEX, pieces, terms_in
from checker.rows.patterns import InvalidPattern, regex
from checker.rows.row import Moment, Row
from checker.rows.states import STATES, states_called
from checker.rows.terms import Filter, Part, Term

HINTED = ("node", "status", "tags")
"""Columns whose values are few or short enough to guess which one was meant."""


class MistakenFilter(CheckerError):
    """A filter that can only be a mistake: what it shows would mislead."""


def check_filter(text: str, rows: Collection[Row], moment: Moment) -> Filter:
    """The filter, for a script or a command, which nobody sees typed. Raises MistakenFilter."""
    sentence = mistake(text, rows, moment)
    if sentence:
        raise MistakenFilter(sentence)
    return parse_filter(text)


def mistake(text: str, rows: Collection[Row], moment: Moment, *, of_events: bool = False) -> str:
    """What is wrong with a filter, in a sentence; empty if nothing is.

    That is a part without an end, a pattern that is not valid, an unknown word after `is:`, and the
    name of a column that was probably mistyped: no column has it, one has nearly the same, and no
    row contains the part as it stands. Only a filter `of_events` may name what rows do not have.
    """
    for parts in terms_in(text):
        for part, name in named(parts):
            found = (
                bad_pattern(part, name)
                or unfinished(part, name)
                or unknown_state(part, name)
                or ("" if of_events else column_of_events(part))
                or mistyped_column(part, rows, moment)
            )
            if found:
                return found
    return ""


def named(parts: tuple[Part, ...]) -> Iterator[tuple[Part, str]]:
    """The alternatives of a term, and what each is about."""
    name = ""
    for part in parts:
        name = part.name if is_name(part.name) else name
        yield part, name


def word_of(part: Part) -> str:
    """A part's word, without its `!` and the quotes."""
    value = part.value[1:] if part.name and part.value.startswith("!") else part.value
    return "*".join(pieces(value))


def unfinished(part: Part, name: str) -> str:
    """Whether a part says nothing yet; in a command it would match everything."""
    if parse_part(part, name)[0] is not None:
        return ""
    if not part.text:
        return "the filter has an empty alternative; write a word on both sides of |"
    return f"the filter's {part.text!r} has no end; add what to look for"


def bad_pattern(part: Part, name: str) -> str:
    """What is wrong with a regular expression."""
    value = part.value.removeprefix("!")
    if name == IS or (part.name and not is_name(part.name)):
        return ""
    whole, half = REGEX.fullmatch(value), HALF_REGEX.fullmatch(value)
    if whole is None:
        return (
            f"the pattern {value!r} has no / at its end; to search for this text, write it in"
            " quotes"
            if half and half[1]
            else ""
        )
    try:
        regex(whole[1])
    except InvalidPattern as error:
        return str(error)
    return ""


def unknown_state(part: Part, name: str) -> str:
    word = word_of(part)
    if name != IS or states_called(word):
        return ""
    hint = did_you_mean(word, STATES) or ";"
    return f"there is no is:{word}{hint} after is: comes {', '.join(STATES)}"


def column_of_events(part: Part) -> str:
    if part.name not in OF_EVENTS:
        return ""
    return (
        f"{part.name}: is about events: it filters the event log, and `reversi-checker log`, not"
        " the forwards"
    )


def mistyped_column(part: Part, rows: Collection[Row], moment: Moment) -> str:
    if not part.name or is_name(part.name) or not nearest(part.name, NAMES):
        return ""
    term = Word(text=f"{part.name}:{word_of(part)}")
    if not rows or any(term.holds(row, moment) for row in rows):
        return ""
    return str(UnknownColumn(part.name))


def why_nothing(text: str, rows: Collection[Row], moment: Moment) -> str:
    """Why a filter shows none of the rows, in one sentence."""
    if not rows:
        return "there are no forwards to filter"
    found = mistake(text, rows, moment)
    if found:
        return found
    said, terms = f"nothing matches the filter {text!r}", tuple(terms_of(text))
    clause = next(filter(None, (reason(term, rows, moment, of=len(terms)) for term in terms)), "")
    if clause:
        return f"{said}: {clause}"
    return f"{said}, though each part of it matches some" if len(terms) > 1 else said


def terms_of(text: str) -> Iterator[Term]:
    """The terms that say something."""
    return filter(None, map(parse_term, terms_in(text)))


def reason(term: Term, rows: Collection[Row], moment: Moment, *, of: int) -> str:
    """Why no row matches the term, one `of` so many, as a clause; empty if one does, or if there
    is no more to say.
    """
    if any(term.holds(row, moment) for row in rows):
        return ""
    typed = "|".join(part.text for part in term.parts)
    guesses = (unknown_value(part, name, rows, moment) for part, name in named(term.parts))
    guess = "" if term.inverted else next(filter(None, guesses), "")
    if guess or of == 1:
        return guess
    return f"{typed!r} excludes them all" if term.inverted else f"none matches {typed!r}"


def unknown_value(part: Part, name: str, rows: Collection[Row], moment: Moment) -> str:
    """Which value was probably meant instead of a word that no row has, as a clause."""
    claim, inverted = parse_part(part, name)
    fields = fields_called(name) if name else ()
    if inverted or not isinstance(claim, Word) or len(fields) != 1:
        return ""
    field = fields[0]
    if field.id not in HINTED:
        return ""
    hint = did_you_mean(claim.text, values_of(field, rows, moment))
    if field is BY_ID["tags"]:
        return f"no node has the tag {claim.text!r}{hint}"
    return f"none has the {field.title} {claim.text!r}{hint}" if hint else ""


def values_of(field: Field, rows: Collection[Row], moment: Moment) -> set[str]:
    return {value for row in rows for value in field.found(row, moment)}
