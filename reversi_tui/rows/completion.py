"""Completes the typed word of a filter. Pure, except for the values that it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from checker.rows.claims import OPERATORS
from checker.rows.fields import fields_called
from checker.rows.grammar import IS
from reversi_tui.rows.typed_word import TypedWord, word_at
from reversi_tui.rows.vocabulary import Vocabulary

PLAIN = re.compile(r"[A-Za-z0-9._@+-][A-Za-z0-9._:/@+-]*")
"""A value that needs no quotes."""
COMPARED = tuple("<>")
MOST = 500
"""Choices: nobody presses tab more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """The choices for one word, and which of them is in the text."""

    begin: int
    """Where the word begins in the text."""
    choices: tuple[str, ...]
    at: int
    """-1: only what the choices have in common is in the text."""
    tail: str
    """What follows the cursor."""

    def turned(self, step: int) -> Cycle:
        count = len(self.choices)
        at = (self.at + step) % count if self.at >= 0 or step > 0 else count - 1
        return Cycle(begin=self.begin, choices=self.choices, at=at, tail=self.tail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The text after a step, its cursor, and how it goes on; None: there is nothing to choose."""

    text: str
    cursor: int
    cycle: Cycle | None = None


def completed(text: str, cursor: int, vocabulary: Vocabulary) -> Completed | None:
    """Complete the word that ends at the cursor; None if there is nothing to add."""
    word = word_at(text, cursor)
    typed = text[word.begin : cursor]
    found = choices(word, typed, vocabulary)
    if not found or found == (typed,):
        return None
    head, tail = text[: word.begin], text[cursor:]
    common = shared(found)
    if len(found) == 1:
        return placed(head, found[0], tail, None)
    cycle = Cycle(begin=word.begin, choices=found, at=-1, tail=tail)
    if len(common) > len(typed) and common.lower().startswith(typed.lower()):
        return placed(head, common, tail, cycle)
    return step(text, cycle, 1)


def shared(words: Sequence[str]) -> str:
    """What all of them begin with."""
    first, last = min(words), max(words)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(letter for letter, _ in same)


def step(text: str, cycle: Cycle, by: int) -> Completed:
    """The next choice, or the one before."""
    turned = cycle.turned(by)
    return placed(text[: cycle.begin], cycle.choices[turned.at], cycle.tail, turned)


def placed(head: str, word: str, tail: str, cycle: Cycle | None) -> Completed:
    return Completed(text=head + word + tail, cursor=len(head) + len(word), cycle=cycle)


def choices(word: TypedWord, typed: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What the typed word can become."""
    part = word.part
    if part.name and not word.has_name:
        return ()
    if word.has_name or (word.name and not word.is_first):
        begun = typed[: len(typed) - len(part.value)]
        return of_value(begun, part.value, values_for(word.name, vocabulary, looks=True))
    sign = "!" if part.is_inverted else ""
    columns = tuple(f"{sign}{name}:" for name in vocabulary.columns)
    found = matching(typed, columns)
    if found or not part.value:
        return found
    return of_value(sign, part.value, vocabulary.values("node"))


def values_for(name: str, vocabulary: Vocabulary, *, looks: bool) -> tuple[str, ...]:
    """The values of the columns with that name; only the known ones unless it `looks` at rows."""
    fields = [IS] if name == IS else [field.id for field in fields_called(name)]
    found = (vocabulary.values(field) if looks else vocabulary.known(field) for field in fields)
    return tuple(dict.fromkeys(value for values in found for value in values))


def of_value(begun: str, value: str, values: Iterable[str]) -> tuple[str, ...]:
    """The word with each value that begins as typed, else with each that contains it; `begun` is
    what is before the value.
    """
    for sign in ("!", "="):
        if value.startswith(sign):
            begun, value = begun + sign, value[1:]
    if value.startswith("/") or "*" in value:
        return ()
    if value.startswith(COMPARED):
        sign = max((one for one in OPERATORS if value.startswith(one)), key=len)
        numbers = [f"{sign}{one.lstrip('<>=')}" for one in values if one.startswith(COMPARED)]
        return tuple(begun + one for one in matching(value, numbers))
    plain = value.strip('"')
    found = matching(plain, values) or containing(plain, values)
    return tuple(dict.fromkeys(begun + quoted(one, forced=value.startswith('"')) for one in found))


def matching(typed: str, words: Iterable[str]) -> tuple[str, ...]:
    lower = typed.lower()
    return tuple(islice((word for word in words if word.lower().startswith(lower)), MOST))


def containing(typed: str, words: Iterable[str]) -> tuple[str, ...]:
    lower = typed.lower()
    return tuple(islice((word for word in words if lower in word.lower()), MOST))


def quoted(value: str, *, forced: bool) -> str:
    """The value as a filter reads it."""
    is_plain = PLAIN.fullmatch(value) or value.startswith(COMPARED)
    return value if is_plain and not forced else f'"{value}"'


def at_hand(text: str, cursor: int, vocabulary: Vocabulary) -> Sequence[str]:
    """The choices for the word, as far as they need no look at the rows; a word without a column
    has its columns.
    """
    word = word_at(text, cursor)
    typed = text[word.begin : cursor]
    if word.has_name or (word.name and not word.is_first):
        values = values_for(word.name, vocabulary, looks=False)
        found = of_value("", word.part.value, values)
    elif word.part.value and not word.part.name:
        found = matching(typed, (f"{name}:" for name in vocabulary.columns))
    else:
        return ()
    return () if found in ((typed,), (word.part.value,)) else found
