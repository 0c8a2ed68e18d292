"""How many rows have each value of a column, and the filter that shows just those. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from checker.model import Status
from checker.rows.cells import safe
from checker.rows.fields import BY_ID, Field
from checker.rows.grammar import number_in
from checker.rows.row import STALE, WORST_FIRST, Key, Moment, Row
from reversi_tui.rows.columns import COLUMNS

BOUNDS = {
    "latency": ("20ms", "200ms", "1s"),
    "since": ("1h", "1d", "7d"),
    "probe": ("1m", "10m", "1h"),
    "day": ("50%", "90%", "99%", "100%"),
    "week": ("90%", "99%", "99.9%", "100%"),
    "month": ("90%", "99%", "99.9%", "100%"),
    "flaps": ("1", "3", "10"),
    "kills": ("1", "3", "10"),
    "bytes": ("1M", "1G", "100G"),
    "rate": ("1k", "100k", "10M"),
}
"""Where the ranges of a column with numbers begin, the lowest below the first."""
FIRST = ("tags", "status", "client", "peer", "target", "answer", "latency", "since")
ALONE = frozenset({"pid", "port", "trend"})
"""Columns with another value for each row."""
COUNTED = tuple(dict.fromkeys((*FIRST, *(each.id for each in COLUMNS if each.id not in ALONE))))
"""The columns to count by, the most useful first."""
NONE = "(none)"
PLAIN = re.compile(r"[A-Za-z0-9._-]+")
MOST_LETTERS = 190
"""Of a regular expression; the filter takes 200."""
FAULTLESS = 99


State = tuple[bool, int, str, bool]
"""Whether a row is shut, its badness, its word, and whether it is a fault: sorted worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The rows that have one value in a column."""

    label: str
    rows: tuple[Row, ...]
    range_filter: str = ""
    """The filter for a range of numbers; empty: it is one value."""

    def words(self, states: Mapping[Key, State]) -> str:
        """The number of rows by status, worst first."""
        found = Counter(states[row.key] for row in self.rows)
        return " ".join(f"{count} {state[2]}" for state, count in sorted(found.items()))

    def badness(self, states: Mapping[Key, State]) -> tuple[int, int]:
        """The lowest is the worst: the worst fault first, then the most faults."""
        found = (states[row.key] for row in self.rows)
        faults = [badness for _, badness, _, is_fault in found if is_fault]
        return min(faults, default=FAULTLESS), -len(faults)


def states_of(rows: Iterable[Row], moment: Moment) -> dict[Key, State]:
    """Each row's state: made once, as a row may have many tags."""
    found = {}
    for row in rows:
        word = moment.word(row)
        is_stale, status = word == STALE, row.seen.status
        badness = -1 if is_stale else WORST_FIRST[status]
        is_fault = not row.barred and (is_stale or status is not Status.UP)
        found[row.key] = (row.is_shut, badness, word, is_fault)
    return found


def counts_by(
    name: str, rows: Sequence[Row], moment: Moment, states: Mapping[Key, State]
) -> tuple[Count, ...]:
    """The values of the column among these rows: ranges in their order, tags with the worst first,
    all else with the most rows first.
    """
    if name in BOUNDS:
        return in_ranges(name, rows, moment)
    found: dict[str, list[Row]] = {}
    for row in rows:
        for value in values_of(name, row, moment) or (NONE,):
            found.setdefault(value, []).append(row)
    counts = [Count(label=value, rows=tuple(members)) for value, members in found.items()]
    by_name = sorted(counts, key=lambda count: (-len(count.rows), count.label == NONE, count.label))
    if name != "tags":
        return tuple(by_name)
    return tuple(sorted(by_name, key=lambda count: count.badness(states)))


def values_of(name: str, row: Row, moment: Moment) -> Sequence[str]:
    """The row's values in the column, without empty ones; of a peer only its address."""
    if name == "peer":
        return tuple(filter(None, (safe(row.seen.peer).rpartition(":")[0],)))
    return tuple(filter(None, BY_ID[name].found(row, moment)))


def filter_of(count: Count, name: str, counts: Sequence[Count]) -> str:
    """The filter for the rows of one of the counts by this column."""
    return count.range_filter or filter_for(name, count.label, [each.label for each in counts])


def filter_for(name: str, value: str, values: Sequence[str]) -> str:
    """The filter for the rows with exactly this value, where others have these."""
    column = "tag" if name == "tags" else name
    if value == NONE:
        return f"!{column}:*"
    lower = value.lower()
    is_alone = not any(lower in other.lower() for other in values if other != value)
    if PLAIN.fullmatch(value) and (is_alone or name == "tags"):
        return f"{column}:{value}"
    end = ":" if name == "peer" else "$"
    pattern = re.escape(lower).replace("/", "\\/")
    if len(pattern) > MOST_LETTERS and '"' not in value:
        return f'{column}:"{value}"'
    return f"{column}:/^{pattern[:MOST_LETTERS]}{end if len(pattern) <= MOST_LETTERS else ''}/"


def in_ranges(name: str, rows: Iterable[Row], moment: Moment) -> tuple[Count, ...]:
    """The ranges of a column with numbers that have rows, the lowest first."""
    field, texts = BY_ID[name], BOUNDS[name]
    bounds = [bound_of(text, field) for text in texts]
    found: dict[int | None, list[Row]] = {}
    for row in rows:
        number = field.number(row, moment) if field.number else None
        place = None if number is None else sum(number >= bound for bound in bounds)
        found.setdefault(place, []).append(row)
    places = [place for place in range(len(bounds) + 1) if place in found]
    counts = [
        Count(
            label=range_label(texts, place),
            range_filter=range_filter(name, texts, place),
            rows=tuple(found[place]),
        )
        for place in places
    ]
    unknown = found.get(None, ())
    if unknown:
        counts.append(Count(label=NONE, range_filter=f"!{name}:>=0", rows=tuple(unknown)))
    return tuple(counts)


def bound_of(text: str, field: Field) -> float:
    number = number_in(text.lower(), field)
    assert number is not None, f"{text} is a number of {field.id}"
    return number


def range_label(texts: Sequence[str], place: int) -> str:
    if place == 0:
        return f"<{texts[0]}"
    if place == len(texts):
        return f">={texts[-1]}"
    return f"{texts[place - 1]} to <{texts[place]}"


def range_filter(name: str, texts: Sequence[str], place: int) -> str:
    least = f"{name}:>={texts[place - 1]}" if place else ""
    most = f"{name}:<{texts[place]}" if place < len(texts) else ""
    return " ".join(filter(None, (least, most)))


def bar(count: int, most: int, width: int) -> str:
    """A bar for the count, full for the largest."""
    return "█" * max(1, round(width * count / max(1, most)))


def narrowed(text: str, more: str) -> str:
    """The filter with one more part; unchanged if it has that part already."""
    return text if f" {more} " in f" {text} " else f"{text} {more}".strip()
