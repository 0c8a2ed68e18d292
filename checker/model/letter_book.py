"""Which letters a gateway has carried out, and what it does about one that comes. Pure.

Each is carried out at most once, also if the daemon ends in between or the clock is set back: a
letter is written down before it is carried out, and of those that were forgotten the book knows how
new the newest one was.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from checker.model.action import Outcome, outcome_from, outcome_json
from checker.model.errors import InvalidValue
from checker.model.gateway_id import GatewayId
from checker.model.letter import Letter, letter_text

WINDOW_S = 60
"""A letter counts so long before and after it was written: clocks differ, and a bus may be slow."""
KEPT_S = 600
MOST_KEPT = 1024
SCHEMA = 1
Outcomes = tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A letter that was begun."""

    nonce: str
    digest: str
    """Of its text: another letter with the same nonce is not this one."""
    at: int
    """When it was written, by its writer's clock."""
    outcomes: Outcomes | None = None
    """None: it was begun, and how it ended is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The letters that a gateway remembers."""

    notes: tuple[Noted, ...] = ()
    forgotten_to: int = 0
    """No letter that was written at this time or before counts, unless it is noted."""

    def about(self, letter: Letter) -> Noted | None:
        return next((one for one in self.notes if one.nonce == letter.nonce), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The letter is not carried out."""

    why: str
    """As a clause."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """It was carried out before; this is how it ended then."""

    outcomes: Outcomes | None
    """None: that is not known."""


@dataclass(frozen=True, slots=True)
class GoAhead:
    """Carry it out."""


Judgement = Refused | Repeated | GoAhead


def digest_of(letter: Letter) -> str:
    return hashlib.sha256(letter_text(letter)).hexdigest()


def judge(letter: Letter, book: Book, *, here: GatewayId, now: float, is_signed: bool) -> Judgement:
    """Decide about a letter. `is_signed`: its signature is genuine, for acts, and of somebody who
    may sign here.
    """
    why = why_not(letter, book, here=here, now=now)
    if why:
        return Refused(why=why)
    if not is_signed:
        return Refused(why=f"no signature of {letter.by} counts for acts here")
    before = book.about(letter)
    if before is None:
        return GoAhead()
    return Repeated(before.outcomes)


def why_not(letter: Letter, book: Book, *, here: GatewayId, now: float) -> str:
    """Return why it does not count, whoever signed it, as a clause; empty if it may."""
    if letter.gateway != here:
        return f"it is for gateway {letter.gateway}, and this is {here}"
    before = book.about(letter)
    if before is not None:
        is_same = before.digest == digest_of(letter)
        return "" if is_same else "another letter has the same nonce"
    age_s = now - letter.at
    if abs(age_s) > WINDOW_S:
        when = f"{age_s:.0f} s ago" if age_s > 0 else f"in {-age_s:.0f} s"
        return (
            f"by this gateway's clock it was written {when}, and only {WINDOW_S} s are allowed;"
            " compare the clocks of both machines"
        )
    if letter.at <= book.forgotten_to:
        return (
            "this gateway no longer knows which letters of that time it carried out; ask again in"
            f" {book.forgotten_to - now + 1:.0f} s"
        )
    return ""


def with_begun(book: Book, letter: Letter, now: float) -> Book:
    """Return the book with a letter that is about to be carried out. Raises InvalidValue if it is
    full of letters that still count.
    """
    kept: list[Noted] = []
    gone: list[Noted] = []
    for number, one in enumerate(reversed(book.notes), start=1):
        is_due = now - one.at > KEPT_S or (number >= MOST_KEPT and now - one.at > WINDOW_S)
        (gone if is_due else kept).append(one)
    if len(kept) >= MOST_KEPT:
        raise InvalidValue(
            f"more than {MOST_KEPT} letters came within two minutes; repeat it later"
        )
    begun = Noted(nonce=letter.nonce, digest=digest_of(letter), at=letter.at)
    return Book(
        notes=(*reversed(kept), begun),
        forgotten_to=max([book.forgotten_to, *(one.at for one in gone)]),
    )


def with_outcomes(book: Book, letter: Letter, outcomes: Outcomes) -> Book:
    """Return the book with what came of a letter."""
    return replace(
        book,
        notes=tuple(
            replace(one, outcomes=outcomes) if one.nonce == letter.nonce else one
            for one in book.notes
        ),
    )


def book_text(book: Book) -> str:
    """The text that parses back to this book."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "forgotten_to": book.forgotten_to,
            "letters": [
                {
                    "nonce": one.nonce,
                    "digest": one.digest,
                    "at": one.at,
                    "outcomes": None
                    if one.outcomes is None
                    else [outcome_json(outcome) for outcome in one.outcomes],
                }
                for one in book.notes
            ],
        }
    )


def book_in(text: str) -> Book:
    """Parse the text. Raises InvalidValue."""
    try:
        found = json.loads(text)
        return Book(
            notes=tuple(map(noted_from, found["letters"])),
            forgotten_to=int(found["forgotten_to"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidValue(f"not as the daemon writes it: {error!r}"[:200]) from error


def noted_from(table: Any) -> Noted:
    """Raises ValueError, KeyError, TypeError."""
    outcomes = table["outcomes"]
    return Noted(
        nonce=str(table["nonce"]),
        digest=str(table["digest"]),
        at=int(table["at"]),
        outcomes=None if outcomes is None else tuple(map(outcome_from, outcomes)),
    )
