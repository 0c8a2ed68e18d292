"""The filter over events of the log: what a text says about an event, and about its rows. Pure.

The grammar is that of the rows. `kind`, `actor`, `text`, `at`, `node`, `port` and `gateway` are the
event's own; every other column, and `is:`, is what the event's rows are now.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from checker.model import Event, EventKind, NodeName
from checker.nearest import did_you_mean
from checker.rows.cells import safe
from checker.rows.claims import OPERATORS, AnyOf, Claim, Comparison, Not, Shape, Word
from checker.rows.fields import Field
from checker.rows.mistakes import mistake, named, word_of
from checker.rows.parse import terms_in
from checker.rows.row import Key, Moment, Row
from checker.rows.terms import Filter, Term

OWN: dict[str, Callable[[Event], str]] = {
    "kind": lambda event: event.kind.value,
    "node": lambda event: event.node or "",
    "port": lambda event: str(event.port or ""),
    "actor": lambda event: event.actor,
    "text": lambda event: event.text,
}
"""The event's own values, by field; `at` and `gateway` are apart."""
AT, GATEWAY = "at", "gateway"
MOST_TEXT = 2000
"""Characters of an event's text that a line shows."""
DAYS = {"today": 0, "yesterday": 1}
TEXT_OF_TIME = "%Y-%m-%d %H:%M:%S"


class RowsOf:
    """The present rows of an event: that of its port, else all of its node."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.by_key: dict[Key, Row] = {}
        self.by_node: dict[NodeName, list[Row]] = {}
        for row in rows:
            self.by_node.setdefault(row.seen.node, []).append(row)
            self.by_key[row.key] = row
            for port in row.forward.ports if row.forward else ():
                self.by_key.setdefault((row.seen.node, port), row)

    def of(self, event: Event) -> Sequence[Row]:
        if event.node is None:
            return ()
        row = self.by_key.get((event.node, event.port)) if event.port else None
        return (row,) if row else self.by_node.get(event.node, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a filter may need beside an event."""

    rows: RowsOf
    moment: Moment
    gateway: str = ""
    """The ID of the gateway that the events are from; empty: it is in no fleet."""

    def value(self, field: Field, event: Event) -> str:
        """What the event has there, as text."""
        return self.gateway if field.id == GATEWAY else OWN[field.id](event)


def is_own(field: Field) -> bool:
    """Whether the event itself has it."""
    return field.id in OWN or field.id in (AT, GATEWAY)


def asks_rows(claim: Claim) -> bool:
    """Whether the rows of an event decide about the claim."""
    match claim:
        case AnyOf():
            return any(map(asks_rows, claim.claims))
        case Not():
            return asks_rows(claim.claim)
        case Word() | Shape():
            return not all(map(is_own, claim.fields))
        case Comparison():
            return not all(is_own(field) for field, _ in claim.bounds)
        case _:
            return True


def day_span(word: str, now: float) -> tuple[float, float] | None:
    """Begin and end of a local day: `today`, `yesterday` or YYYY-MM-DD; None if it is neither."""
    name = next((day for day in DAYS if day.startswith(word)), "")
    if not name and len(word) != len("2026-11-26"):
        return None  # strptime would take 2026-11-2 for a day
    try:
        year, month, day = time.localtime(now)[:3] if name else time.strptime(word, "%Y-%m-%d")[:3]
        day -= DAYS.get(name, 0)
        # mktime takes the day 0 and the day 32 for what they mean
        return beginning_of(year, month, day), beginning_of(year, month, day + 1)
    except (ValueError, OverflowError):
        return None


def beginning_of(year: int, month: int, day: int) -> float:
    """When the local day begins, Unix seconds."""
    return time.mktime((year, month, day, 0, 0, 0, 0, 0, -1))


def is_at(word: str, at: float, now: float) -> bool:
    """Whether the word is the day of that time, or part of the time as it is printed."""
    span = day_span(word, now)
    if span:
        return span[0] <= at < span[1]
    return word in time.strftime(TEXT_OF_TIME, time.localtime(at))


def has_word(claim: Word, event: Event, around: Around) -> bool:
    if not claim.fields:
        return any(claim.text in value(event).lower() for value in OWN.values())
    for field in filter(is_own, claim.fields):
        if field.id == AT:
            found = is_at(claim.text, event.at, around.moment.now)
        else:
            value = around.value(field, event).lower()
            found = claim.text == value if claim.whole else claim.text in value
        if found:
            return True
    others = tuple(field for field in claim.fields if not is_own(field))
    return bool(others) and of_rows(replace(claim, fields=others), event, around)


def has_shape(claim: Shape, event: Event, around: Around) -> bool:
    search, fields = claim.pattern.search, claim.fields
    if not fields:
        return search("\n".join(value(event) for value in OWN.values()).lower()) is not None
    values = (
        time.strftime(TEXT_OF_TIME, time.localtime(event.at))
        if field.id == AT
        else around.value(field, event)
        for field in fields
        if is_own(field)
    )
    if any(value and search(value.lower()) for value in values):
        return True
    others = tuple(field for field in fields if not is_own(field))
    return bool(others) and of_rows(replace(claim, fields=others), event, around)


def compares(claim: Comparison, event: Event, around: Around) -> bool:
    compare = OPERATORS[claim.sign]
    own = {AT: around.moment.now - event.at, "port": event.port}
    for field, bound in claim.bounds:
        number = own.get(field.id)
        if number is not None and compare(number, bound):
            return True
    others = tuple(bound for bound in claim.bounds if not is_own(bound[0]))
    return bool(others) and of_rows(replace(claim, bounds=others), event, around)


def of_rows(claim: Claim, event: Event, around: Around) -> bool:
    """Whether one of the event's rows is like that now."""
    return any(claim.holds(row, around.moment) for row in around.rows.of(event))


def holds(claim: Claim, event: Event, around: Around) -> bool:
    match claim:
        case AnyOf():
            return any(holds(each, event, around) for each in claim.claims)
        case Not():
            return not holds(claim.claim, event, around)
        case Word():
            return has_word(claim, event, around)
        case Shape():
            return has_shape(claim, event, around)
        case Comparison():
            return compares(claim, event, around)
        case _:
            return of_rows(claim, event, around)


def term_holds(term: Term, event: Event, around: Around) -> bool:
    return holds(term.claim, event, around) is not term.inverted


def shows(wanted: Filter, event: Event, around: Around) -> bool:
    """Whether the filter shows the event."""
    return all(term_holds(term, event, around) for term in wanted.terms)


def needs_rows(wanted: Filter) -> bool:
    """Whether the present rows decide about the filter, too."""
    return any(asks_rows(term.claim) for term in wanted.terms)


def narrows(before: Filter, after: Filter) -> bool:
    """Whether the first filter shows all that the second shows, as far as that is easily seen: one
    more letter of a word, or one more term.
    """
    if not before.terms:
        return True
    if needs_rows(before) or len(after.terms) < len(before.terms):
        return False
    at = len(before.terms) - 1
    last, longer = before.terms[at], after.terms[at]
    if before.terms[:at] != after.terms[:at] or last.inverted or longer.inverted:
        return False
    return last == longer or extends(last.claim, longer.claim)


def extends(claim: Claim, longer: Claim) -> bool:
    """Whether it is the same word with more letters."""
    return (
        isinstance(claim, Word)
        and isinstance(longer, Word)
        and claim.fields == longer.fields
        and all(is_own(field) and field.id != AT for field in claim.fields)
        and not (claim.whole or longer.whole)
        and claim.text in longer.text
    )


def event_mistake(text: str, rows: Sequence[Row], moment: Moment) -> str:
    """What is wrong with a filter over events, in a sentence; empty if nothing is."""
    return next(unknown_kinds(text), "") or mistake(text, rows, moment, of_events=True)


def unknown_kinds(text: str) -> Iterator[str]:
    """A sentence for each kind that no event has."""
    kinds = [kind.value for kind in EventKind]
    for part, name in (pair for parts in terms_in(text) for pair in named(parts)):
        word = word_of(part).removeprefix("=")
        if name != "kind" or not word or set("*/") & set(word):
            continue
        if (part.name or name) == "kind" and not any(word in kind for kind in kinds):
            hint = did_you_mean(word, kinds) or f"; kinds are: {', '.join(kinds)}"
            yield f"there is no kind of event {safe(word)!r}{hint}"
