"""Explains the word of a filter that is being typed, in one line of plain English. Pure."""

from __future__ import annotations

from checker.model import printable
from checker.nearest import did_you_mean
from checker.rows.claims import AnyOf, Claim, Comparison, Shape, State, Word
from checker.rows.event_filter import is_own
from checker.rows.fields import AGES, NAMES, Field, fields_called
from checker.rows.grammar import IS, is_regex, parse_part
from checker.rows.mistakes import bad_pattern, column_of_events, unknown_state
from reversi_tui.rows.columns import BY_ID as COLUMN_BY_ID
from reversi_tui.rows.counts import BOUNDS
from reversi_tui.rows.typed_word import TypedWord

ROWS, EVENTS = "rows", "events"
MOST_LETTERS = 60
"""Characters of a value that are repeated."""
OF_STATES = {
    "fault": "that are not up, or stale, and not out on purpose",
    "stale": "without a recent probe",
    "disabled": "of nodes that somebody disabled",
    "expired": "of nodes whose keys expired",
    "unregistered": "of devices that are not in the registry",
    "pending": "of devices that ask to become a node",
    "muted": "about which no alerts are sent",
}
"""States that their word alone does not explain."""
NEEDS = {
    IS: "a state, as in is:fault",
    "tags": "a tag: all of it, or its beginning and *",
    "at": "a day (today, 2026-11-26), or an age: <1d",
    "kind": "a kind of event",
    "actor": "who did it",
    "text": "words of its text",
    "pub": "a public port or name",
    "banner": "words of the target's own answer",
}
"""What follows the colon, where no column's tip says it."""
OF_NUMBERS = {
    "latency": "whose answer took {}",
    "since": "whose status is {}",
    "probe": "whose last probe is {}",
    "at": "that are {}",
    "bytes": "whose connection carried {}",
    "rate": "whose connection carries {} in a second",
    "day": "that were up for {} of the last 24 hours",
    "week": "that were up for {} of the last 7 days",
    "month": "that were up for {} of the last 30 days",
    "flaps": "that were lost lately {} times",
    "kills": "whose process was killed {} times",
}
UNITS = {"latency": "ms or s", "bytes": "k M G T", "rate": "k M G T"}
IN_WORDS = {"answer": "reason", "pid": "sshd process", "pub": "public port or name"}
AGES_IN_WORDS = {
    "<": "younger than {}",
    "<=": "at most {} old",
    ">": "older than {}",
    ">=": "at least {} old",
    "=": "just {} old",
}
NUMBERS_IN_WORDS = {
    "<": "less than {}",
    "<=": "at most {}",
    ">": "more than {}",
    ">=": "at least {}",
    "=": "just {}",
}
PLAIN_NUMBERS = {
    "<": "below {}",
    "<=": "at most {}",
    ">": "above {}",
    ">=": "at least {}",
    "=": "{}",
}
SIZES_IN_WORDS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
DURATIONS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def explained(word: TypedWord, *, of_events: bool = False) -> str:
    """What the word shows, or what is missing from it."""
    part, noun = word.part, EVENTS if of_events else ROWS
    if part.text in ("", "!") and not word.name:
        return f"{noun} with a word; or column:word, is:fault, !word, a|b"
    wrong = trouble(word, of_events=of_events)
    if wrong:
        return wrong
    claim, inverted = parse_part(part, word.name)
    if claim is None:
        return missing(word)
    said = said_of(claim, word, noun, of_events=of_events)
    everything_but = "all but " if inverted else ""
    return f"{'' if word.is_first else 'or '}{everything_but}{said}"


def trouble(word: TypedWord, *, of_events: bool) -> str:
    """What is wrong with the word; what may only be unfinished is not."""
    part = word.part
    if not of_events and (found := column_of_events(part)):
        return found
    value = part.value.removeprefix("!")
    if value.endswith("/") and len(value) > 1 and (found := bad_pattern(part, word.name)):
        return found
    return unknown_state(part, word.name) if part.value else ""


def missing(word: TypedWord) -> str:
    """What the word still needs."""
    fields, value = fields_called(word.name), word.part.value.lstrip("!")
    if value.startswith("/"):
        return "a regular expression, up to the next /"
    if word.name == IS:
        return NEEDS[IS]
    if not fields:
        return "a word, or column:word; tab names the columns"
    if value.startswith(("<", ">", "=")) and fields[0].number:
        return f"{name_of(fields[0])} {value} and a number{units_of(fields[0])}"
    tips = [NEEDS.get(field.id) or tip_of(field) for field in fields[:1]]
    return f"{fields[0].id}: {tips[0]}"


def units_of(field: Field) -> str:
    """The units of a number, as a clause."""
    units = UNITS.get(field.id, " ".join(unit for unit in field.units if unit))
    return f"; units are {units}" if units else ""


def tip_of(field: Field) -> str:
    tip = COLUMN_BY_ID[field.id].tip if field.id in COLUMN_BY_ID else field.title
    bounds = BOUNDS.get(field.id)
    return f"{tip[:1].lower()}{tip[1:]}{f', as in >{bounds[1]}' if bounds else ''}"


def name_of(field: Field) -> str:
    return IN_WORDS.get(field.id, field.id)


def said_of(claim: Claim, word: TypedWord, noun: str, *, of_events: bool) -> str:
    """Which rows or events it shows."""
    if of_events and is_about_rows(claim):
        return f"{EVENTS} of {said_of(claim, word, ROWS, of_events=False)}"
    match claim:
        case State():
            return f"{noun} {states_text(claim.words)}"
        case Comparison():
            return f"{noun} {' or '.join(map(bound_text, *bounds_of(claim)))}"
        case Word():
            return word_text(claim, word, noun)
        case Shape() | AnyOf():
            return shape_text(claim, word, noun)
        case _:
            return noun


def is_about_rows(claim: Claim) -> bool:
    """Whether the rows of an event decide."""
    match claim:
        case State():
            return True
        case Word() | Shape():
            return bool(claim.fields) and not all(map(is_own, claim.fields))
        case Comparison():
            return not all(is_own(field) for field, _ in claim.bounds)
        case _:
            return False


def states_text(words: tuple[str, ...]) -> str:
    return " or ".join(OF_STATES.get(word, f"that are {word}") for word in words)


def bounds_of(claim: Comparison) -> tuple[list[Field], list[float], list[str]]:
    fields, bounds = zip(*claim.bounds, strict=True)
    return list(fields), list(bounds), [claim.sign] * len(bounds)


def bound_text(field: Field, bound: float, sign: str) -> str:
    """What a comparison says of one column."""
    amount, template = amount_text(field, bound), OF_NUMBERS.get(field.id)
    if template is None:
        return f"whose {name_of(field)} is {PLAIN_NUMBERS[sign].format(amount)}"
    words = AGES_IN_WORDS if field.units is AGES else NUMBERS_IN_WORDS
    return template.format(words[sign].format(amount))


def amount_text(field: Field, number: float) -> str:
    """A number in the column's unit, in words."""
    if field.units is AGES:
        return duration_text(number)
    if field.id == "latency":
        return f"{number:g} ms"
    if field.id in ("bytes", "rate"):
        size, unit = next((one for one in SIZES_IN_WORDS if number >= one[0]), (1.0, "bytes"))
        return f"{number / size:g} {unit}"
    return f"{number:g} %" if field.id in ("day", "week", "month") else f"{number:g}"


def duration_text(seconds: float) -> str:
    """In the largest unit that divides it."""
    size, unit = next(
        (one for one in DURATIONS if seconds >= one[0] and not seconds % one[0]), DURATIONS[-1]
    )
    count = seconds / size
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def word_text(claim: Word, word: TypedWord, noun: str) -> str:
    shown = f'"{printable(claim.text, MOST_LETTERS)}"'
    if not claim.fields:
        unknown = word.part.name and not word.has_name and did_you_mean(word.part.name, NAMES)
        hint = f"; there is no column {printable(word.part.name, 20)!r}{unknown}" if unknown else ""
        where = (
            "in any column, tag or note" if noun == ROWS else "in their text, kind, node or actor"
        )
        return f"{noun} with {shown} {where}{hint}"
    field = claim.fields[0]
    names = " or ".join(map(name_of, claim.fields[:3]))
    if field.id == "tags" and len(claim.fields) == 1:
        return f"{noun} whose node has the tag {shown}"
    if field.id == "at":
        return f"{noun} of {printable(claim.text, MOST_LETTERS)}"
    if claim.whole or (field.whole is not None and field.whole(claim.text)):
        return f"{noun} whose {names} is {shown}"
    return f"{noun} whose {names} contains {shown}"


def shape_text(claim: Shape | AnyOf, word: TypedWord, noun: str) -> str:
    """A wildcard or a regular expression."""
    value = printable(word.part.value.lstrip("!"), MOST_LETTERS)
    fields = fields_called(word.name) if word.name else ()
    what = " or ".join(map(name_of, fields[:3]))
    if isinstance(claim, AnyOf):
        return f"{noun} with {value} so far; a regular expression ends with /"
    if is_regex(value):
        return f"{noun} with a match of {value} in {f'their {what}' if what else 'any column'}"
    if value == "*":
        return f"{noun} with any {'tag' if what == 'tags' else what}"
    return (
        f"{noun} {f'whose {what}' if what else 'with a column that'} as a whole looks like {value}"
    )
