"""The columns of a table of nodes: their names, their separator, and what each cell is. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from checker.nearest import did_you_mean

OF_NODE = ("name", "deadline", "tags", "note", "key-type", "public-key")
OF_FORWARD = ("target", "port", "expect", "public")
COLUMNS = (*OF_NODE, *OF_FORWARD)
SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Column:
    """What a column says, and of which of the node's forwards."""

    what: str
    number: int = 1

    def __str__(self) -> str:
        return self.what if self.number == 1 else f"{self.what}{self.number}"

    @property
    def is_of_forward(self) -> bool:
        return self.what in OF_FORWARD


def plain(heading: str) -> str:
    """Return a heading as our columns are written: `Key type` is `key-type`."""
    return re.sub(r"[\s_]+", "-", heading.strip().strip('"').strip().lower())


def separator_of(heading: str) -> str:
    """Return the separator with which most of the headings are known columns."""
    return max(
        SEPARATORS,
        key=lambda one: sum(column_in(plain(cell)) is not None for cell in heading.split(one)),
    )


def column_in(heading: str) -> Column | None:
    """Return the column that a plain heading names; None if it names none of ours."""
    what = heading.rstrip("0123456789")
    digits = heading.removeprefix(what)[:3]
    number = int(digits) if digits else 1
    what = what.removesuffix("-")
    if what not in COLUMNS or number < 1 or (number > 1 and what not in OF_FORWARD):
        return None
    return Column(what, number)


def columns_of(headings: Sequence[str]) -> tuple[list[Column | None], list[str]]:
    """Return the column of each heading, None for an empty one, and a sentence about each fault.

    A column of a forward that occurs again without a number is the next forward's.
    """
    columns: list[Column | None] = []
    faults = []
    seen: Counter[str] = Counter()
    for heading in headings:
        name = plain(heading)
        column = column_in(name)
        if column is None and name:
            faults.append(unknown(heading, name))
        elif column is not None and column.is_of_forward and name == column.what:
            seen[name] += 1
            column = Column(name, seen[name])
        columns.append(column)
    counts = Counter(column for column in columns if column)
    faults += [f"the column {column} occurs {n} times" for column, n in counts.items() if n > 1]
    faults += [
        f"there is no column {what}; the first line has the headings: name, target, and any of"
        f" {', '.join(one for one in COLUMNS if one not in ('name', 'target'))}"
        for what in ("name", "target")
        if Column(what) not in counts
    ]
    return columns, faults


def unknown(heading: str, name: str) -> str:
    hint = did_you_mean(name, COLUMNS) or f"; known are {', '.join(COLUMNS)}"
    return f"the column {heading[:80]!r} is not known{hint}"
