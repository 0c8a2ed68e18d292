"""How long forwards were up and watched, as it travels. Pure.

The asker gets the marks of all periods, then the sums of those of which it has another mark. The
subject is that of past events, which each bus allows. An older gateway takes the question for one
about events after an id that none has, and answers without marks.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from checker.fleet.items import name_of, port_of
from checker.fleet.sayings import Question
from checker.fleet.values import MOST_WHOLE, list_of, number_of, table_of, text_of
from checker.model import HOUR_S, InvalidValue, hour_at
from checker.model.sums import Period, Sum, is_hour
from checker.rows.uptimes import DAY_S, day_at

MARKS = "marks"
MOST_SUMS = 3000
"""In one message."""
MOST_FORWARDS = 100_000
"""In one period."""
HOURS_TOLD, DAYS_TOLD = 25, 31
MOST_MARKS = 500
"""More than 25 and 31 only after a clock was set back."""
AHEAD_S = 2 * HOUR_S
"""How far periods may lie in our future: another clock may be ahead."""
LONGEST_S = {True: 1.1 * HOUR_S, False: 1.1 * DAY_S}
"""Of an hour, and of a day: a clock may be set during it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Which sums a gateway has."""

    nonce: str
    marks: Mapping[Period, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Some sums of a period, by node and port."""

    nonce: str
    period: Period
    sums: Sequence[Sum] = ()
    has_more: bool = False


def about_marks() -> Question:
    return Question(since=MOST_WHOLE, about=MARKS)


def about_sums(period: Period, after: tuple[str, int]) -> Question:
    """`after`: the node and port of the last sum that the asker has."""
    return Question(since=MOST_WHOLE, about=period, place=after)


def first_told(now: float) -> tuple[int, str]:
    """Return the first hour and the first day of which a gateway tells the sums."""
    return hour_at(now) - HOURS_TOLD + 1, day_at(now - (DAYS_TOLD - 1) * DAY_S)


def wanted(told: Mapping[Period, str], mine: Mapping[Period, str], now: float) -> list[Period]:
    """Return the periods that changed: hours before days, the newest first. Those that no gateway
    tells now do not count.
    """
    first_hour, first_day = first_told(now)
    last_hour, last_day = hour_at(now + AHEAD_S), day_at(now + AHEAD_S)
    changed = [one for one, mark in told.items() if mark != mine.get(one)]
    hours = sorted(int(one) for one in changed if is_hour(one))
    days = sorted(one for one in changed if not is_hour(one))
    return [
        *(str(one) for one in reversed(hours) if first_hour <= one <= last_hour),
        *(one for one in reversed(days) if first_day <= one <= last_day),
    ]


def marks_body(marks: Marks) -> bytes:
    return json.dumps({"nonce": marks.nonce, "marks": dict(marks.marks)}).encode()


def parse_marks(body: bytes) -> Marks:
    """Parse marks; the answer of an older gateway has no marks. Raises InvalidValue."""
    table = table_of(body)
    marks = table.get("marks", {})
    if not isinstance(marks, dict) or len(marks) > MOST_MARKS:
        raise InvalidValue("the marks are not a table, or too many")
    return Marks(
        nonce=text_of(table.get("nonce"), 64),
        marks={period_of(period): text_of(mark, 64) for period, mark in marks.items()},
    )


def sums_body(sums: Sums) -> bytes:
    table = {
        "nonce": sums.nonce,
        "period": sums.period,
        "more": sums.has_more,
        "sums": [(*one[:2], round(one.up_s, 1), round(one.watched_s, 1)) for one in sums.sums],
    }
    return json.dumps(table, separators=(",", ":")).encode()


def parse_sums(body: bytes) -> Sums:
    """Parse sums; those that are not as we write them are left out. Raises InvalidValue."""
    table = table_of(body)
    period = period_of(table.get("period"))
    return Sums(
        nonce=text_of(table.get("nonce"), 64),
        period=period,
        sums=tuple(sums_of(list_of(table.get("sums")), LONGEST_S[is_hour(period)])),
        has_more=table.get("more") is True,
    )


def sums_of(many: Iterable[Any], longest_s: float) -> Iterator[Sum]:
    for one in many:
        with contextlib.suppress(InvalidValue):
            yield sum_of(list_of(one), longest_s)


def sum_of(values: list[Any], longest_s: float) -> Sum:
    """Raises InvalidValue."""
    if len(values) < 4:
        raise InvalidValue("a sum has too few values")
    node, port, up_s, watched_s = values[:4]
    if not 0 <= number_of(up_s) <= number_of(watched_s) <= longest_s:
        raise InvalidValue("a forward was up longer than watched, or watched for too long")
    return Sum(name_of(node), port_of(port), float(up_s), float(watched_s))


def period_of(value: Any) -> Period:
    """Return the period as we write it: an hour without zeros before it, or a day. Raises
    InvalidValue.
    """
    text = text_of(value, 10)
    if text.isascii() and text.isdecimal() and str(int(text)) == text:
        return text
    with contextlib.suppress(ValueError):
        if date.fromisoformat(text).isoformat() == text:
            return text
    raise InvalidValue(f"{text!r:.40} is neither an hour nor a day")
