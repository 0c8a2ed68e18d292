"""Pages of the event log that a filter shows, newest or oldest first, in SQL as far as that goes.

A page is found by the id where the last one ended. A search reads STRIDE ids at a time, so that
nothing holds the daemon up, and whoever asked may stop it in between.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from checker.model import Event, EventKind
from checker.rows.claims import AnyOf, Claim, Comparison, Not, Word
from checker.rows.event_filter import GATEWAY, Around, day_span, is_own, term_holds
from checker.rows.event_lines import BEGIN, Line, LinePage, Mark, mark_of
from checker.rows.fields import Field
from checker.rows.terms import Filter, Term
from checker.state.rows import event_from
from checker.state.schema import has_act
from checker.state.store import StateFile

PAGE = 500
FIRST_PAGE = 100
"""Enough for a screen: what is seen at once does not wait for a whole page."""
STRIDE, SLOW_STRIDE = 20_000, 4_000
"""Ids read at a time; fewer if Python judges each event."""
BOUNDS = "SELECT coalesce((SELECT min(id) FROM event), 0), coalesce((SELECT max(id) FROM event), 0)"
"""Two queries: min and max in one would read the whole table."""
SELECT = "SELECT * FROM event WHERE id BETWEEN ? AND ?"
OLDEST_FIRST, NEWEST_FIRST = "ORDER BY id", "ORDER BY id DESC"
EVERYWHERE = ("kind", "node", "port", "actor", "text")
"""Where a word without a name is searched."""
KIND = "coalesce(act, kind) IN (SELECT value FROM json_each(?))"
KIND_BEFORE = "kind IN (SELECT value FROM json_each(?))"
"""The second is for a file of an older product."""
LIKE = {
    "node": "coalesce(node, '') LIKE ? ESCAPE '\\'",
    "port": "coalesce(port, '') LIKE ? ESCAPE '\\'",
    "actor": "actor LIKE ? ESCAPE '\\'",
    "text": "text LIKE ? ESCAPE '\\'",
}
"""LIKE ignores the case of ASCII, and events' texts are ASCII."""
AGE = {sign: f"? - at {sign} ?" for sign in ("<", ">", "<=", ">=", "=")}
PORT = {sign: f"coalesce(port {sign} ?, 0)" for sign in AGE}
ON_DAY = "at >= ? AND at < ?"
Clause = tuple[str, tuple[object, ...]]
"""An SQL condition, and its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a filter asks of the table."""

    clauses: tuple[Clause, ...]
    rest: tuple[Term, ...]
    """What SQL cannot decide."""
    around: Around

    def takes(self, event: Event) -> bool:
        """Whether the event is one, as far as SQL does not decide it."""
        return all(term_holds(term, event, self.around) for term in self.rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events, oldest first."""

    events: tuple[Event, ...]
    is_last: bool
    """Nothing more lies in that direction."""


class Superseded(Exception):
    """Whoever asked has asked for something else."""


def pattern(word: str, *, whole: bool) -> str:
    """What LIKE takes for this text, anywhere in a value."""
    for letter in "\\%_":
        word = word.replace(letter, f"\\{letter}")
    return word if whole else f"%{word}%"


def any_of(clauses: Sequence[Clause | None]) -> Clause | None:
    """One of them; None if SQL cannot decide one."""
    known = [clause for clause in clauses if clause is not None]
    if len(known) < len(clauses):
        return None
    return (
        "(" + " OR ".join(text for text, _ in known) + ")",
        tuple(value for _, values in known for value in values),
    )


def word_clause(claim: Word, field: str, kind: str, around: Around) -> Clause | None:
    if field == "at":
        span = day_span(claim.text, around.moment.now)
        return (ON_DAY, span) if span else None
    if field == GATEWAY:
        value = around.gateway.lower()
        return ("?", (claim.text == value if claim.whole else claim.text in value,))
    if field == "kind":
        return kind, (json.dumps(kinds_like(claim)),)
    return LIKE[field], (pattern(claim.text, whole=claim.whole),)


def kinds_like(claim: Word) -> list[str]:
    """The kinds that have the word."""
    names = [kind.value for kind in EventKind]
    return [
        name for name in names if claim.text == name or (not claim.whole and claim.text in name)
    ]


def searched(claim: Word) -> list[str]:
    """The columns that can have the word; each costs time for every event."""
    if claim.fields:
        return [field.id for field in claim.fields]
    can = {"kind": bool(kinds_like(claim)), "port": claim.text.isdigit()}
    return [name for name in EVERYWHERE if can.get(name, True)]


def bound_clause(sign: str, field: Field, bound: float, now: float) -> Clause:
    return (AGE[sign], (now, bound)) if field.id == "at" else (PORT[sign], (bound,))


def clause_of(claim: Claim, kind: str, around: Around) -> Clause | None:
    """The claim in SQL; None if SQL cannot decide it."""
    now = around.moment.now
    match claim:
        case AnyOf():
            return any_of([clause_of(each, kind, around) for each in claim.claims])
        case Not():
            return inverted(clause_of(claim.claim, kind, around))
        case Word() if claim.text.isascii() and all(map(is_own, claim.fields)):
            return any_of([word_clause(claim, name, kind, around) for name in searched(claim)])
        case Comparison() if all(is_own(field) for field, _ in claim.bounds):
            return any_of(
                [bound_clause(claim.sign, field, bound, now) for field, bound in claim.bounds]
            )
        case _:
            return None


def inverted(clause: Clause | None) -> Clause | None:
    return clause and (f"NOT ({clause[0]})", clause[1])


def wanted_of(text: Filter, around: Around, *, with_act: bool = True) -> Wanted:
    """Divide the filter between SQL and Python."""
    kind = KIND if with_act else KIND_BEFORE
    clauses, rest = list[Clause](), list[Term]()
    for term in text.terms:
        clause = clause_of(term.claim, kind, around)
        if clause is None:
            rest.append(term)
        else:
            clauses.append((inverted(clause) or clause) if term.inverted else clause)
    return Wanted(clauses=tuple(clauses), rest=tuple(rest), around=around)


def statement(wanted: Wanted, order: str) -> str:
    return " AND ".join((SELECT, *(text for text, _ in wanted.clauses))) + f" {order}"


def stretches(first: int, last: int, size: int, *, newest: bool) -> Iterator[tuple[int, int]]:
    """The ids from first to last, so many at a time, both ends included."""
    if newest:
        for high in range(last, first - 1, -size):
            yield max(first, high - size + 1), high
    else:
        for low in range(first, last + 1, size):
            yield low, min(last, low + size - 1)


def no_stop() -> bool:
    return False


class EventPages:
    """Finds pages in an open state file. `is_over` says that nobody waits for the answer any more;
    then a search raises Superseded. All methods raise StateError.
    """

    def __init__(
        self,
        state: StateFile,
        text: Filter,
        around: Around,
        is_over: Callable[[], bool] = no_stop,
    ) -> None:
        self.state, self.is_over = state, is_over
        self.gateway = around.gateway
        with state.using() as db:
            self.wanted = wanted_of(text, around, with_act=has_act(db))

    def bounds(self) -> tuple[int, int]:
        """The first and the last id; 0 and 0 if there are no events."""
        with self.state.using() as db:
            first, last = db.execute(BOUNDS).fetchone()
        return int(first), int(last)

    def earlier(self, mark: Mark, count: int = PAGE) -> LinePage:
        """The newest lines before this place of the log."""
        return self.page_of_lines(self.before(mark[2], count))

    def later(self, mark: Mark, count: int = PAGE, *, until: int | None = None) -> LinePage:
        """The oldest lines after this place of the log, none with an id greater than `until`."""
        return self.page_of_lines(self.after(mark[2], count, until=until))

    def page_of_lines(self, page: Page) -> LinePage:
        lines = tuple((event, self.gateway) for event in page.events)
        return LinePage(lines=lines, is_last=page.is_last)

    def newest(self, count: int = PAGE) -> Page:
        """The newest events."""
        return self.before(self.bounds()[1] + 1, count)

    def before(self, event: int, count: int = PAGE) -> Page:
        """The newest events that are older than this id."""
        first, last = self.bounds()
        return self.page(first, min(last, event - 1), count, newest=True)

    def after(self, event: int, count: int = PAGE, *, until: int | None = None) -> Page:
        """The oldest events that are newer than this id, and not newer than `until`."""
        first, last = self.bounds()
        return self.page(max(first, event + 1), until or last, count, newest=False)

    def page(self, first: int, last: int, count: int, *, newest: bool) -> Page:
        found: list[Event] = []
        size = SLOW_STRIDE if self.wanted.rest else STRIDE
        for low, high in stretches(first, last, size, newest=newest):
            if self.is_over():
                raise Superseded
            with self.state.using() as db:
                found += islice(self.rows(db, low, high, newest=newest), count - len(found))
            if len(found) >= count:
                end = found[-1].id
                is_last = end <= first if newest else end >= last
                break
        else:
            is_last = True
        return Page(events=tuple(found[::-1] if newest else found), is_last=is_last)

    def rows(self, db: sqlite3.Connection, low: int, high: int, *, newest: bool) -> Iterator[Event]:
        values = [low, high, *(value for _, values in self.wanted.clauses for value in values)]
        cursor = db.execute(
            statement(self.wanted, NEWEST_FIRST if newest else OLDEST_FIRST), values
        )
        try:
            yield from filter(self.wanted.takes, map(event_from, cursor))
        finally:
            cursor.close()

    def all_of_them(self) -> Iterator[Line]:
        """Every line that is shown, oldest first; a page at a time is in memory."""
        mark, until = BEGIN, self.bounds()[1]
        while True:
            page = self.later(mark, until=until)
            yield from page.lines
            if page.is_last:
                return
            mark = mark_of(page.lines[-1])
