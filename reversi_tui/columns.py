"""The columns: their texts, their sort keys from raw values, and which of them fit a width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from checker.model import CheckerError, Status, printable
from reversi_tui.rows import Moment, Row, age_text

SortValue = tuple[str | float, ...] | None
"""None is not known, and sorts last either way."""

SYMBOLS = {
    Status.UP: "•",
    Status.HUNG: "!",
    Status.DOWN: "-",
    Status.REFUSED: "/",
    Status.WRONG: "~",
    Status.FOREIGN: "x",
    Status.UNKNOWN: "?",
}
WORST_FIRST = {status: place for place, status in enumerate(Status)}
GAP = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table."""

    id: str
    title: str
    least: int
    """Cells that it needs."""
    most: int
    """Cells that it can use."""
    importance: int
    """1 stays longest when the terminal is narrow."""
    text: Callable[[Row, Moment], str]
    sort_value: Callable[[Row], SortValue]
    right: bool = False
    ages: bool = False
    """The text depends on the clock: nothing to search in."""


def known(value: float | None) -> SortValue:
    return None if value is None else (value,)


def latency_text(row: Row, _: Moment) -> str:
    latency_ms = row.seen.latency_ms
    if latency_ms is None:
        return ""
    return "<1ms" if latency_ms < 1 else f"{latency_ms:.0f}ms"


def probe_text(row: Row, moment: Moment) -> str:
    if row.seen.probed_at is None:
        return "never"
    age = age_text(moment.now - row.seen.probed_at)
    return f"stale {age}" if moment.is_stale(row) else age


def since_text(row: Row, moment: Moment) -> str:
    return "" if row.seen.since is None else age_text(moment.now - row.seen.since)


def pid_text(row: Row, _: Moment) -> str:
    return str(row.seen.session.pid) if row.seen.session else ""


def target_text(row: Row) -> str:
    return printable(str(row.forward.target), 80) if row.forward else "..."


COLUMNS = (
    Column(
        id="node", title="node", least=10, most=32, importance=1,
        text=lambda row, _: row.seen.node, sort_value=lambda row: (row.seen.node,),
    ),
    Column(
        id="port", title="port", least=5, most=5, importance=3, right=True,
        text=lambda row, _: str(row.seen.port), sort_value=lambda row: (row.seen.port,),
    ),
    Column(
        id="target", title="target", least=13, most=21, importance=7,
        text=lambda row, _: target_text(row), sort_value=lambda row: (target_text(row),) if row.forward else None,
    ),
    Column(
        id="status", title="status", least=9, most=9, importance=2,
        text=lambda row, _: f"{SYMBOLS[row.seen.status]} {row.seen.status}", sort_value=lambda row: (WORST_FIRST[row.seen.status],),
    ),
    Column(
        id="probe", title="probe", least=10, most=10, importance=4, ages=True,
        text=probe_text, sort_value=lambda row: known(row.seen.probed_at),
    ),
    Column(
        id="answer", title="answer", least=12, most=48, importance=10,
        text=lambda row, _: printable(row.seen.detail, 160), sort_value=lambda row: (row.seen.detail,) if row.seen.detail else None,
    ),
    Column(
        id="latency", title="latency", least=8, most=8, importance=8, right=True,
        text=latency_text, sort_value=lambda row: known(row.seen.latency_ms),
    ),
    Column(
        id="pid", title="sshd", least=7, most=7, importance=5, right=True,
        text=pid_text, sort_value=lambda row: known(row.seen.session.pid) if row.seen.session else None,
    ),
    Column(
        id="peer", title="peer", least=15, most=21, importance=9,
        text=lambda row, _: printable(row.seen.peer or "", 80), sort_value=lambda row: (row.seen.peer,) if row.seen.peer else None,
    ),
    Column(
        id="since", title="since", least=6, most=6, importance=6, right=True, ages=True,
        text=since_text, sort_value=lambda row: known(row.seen.since),
    ),
)
BY_ID = {column.id: column for column in COLUMNS}


class UnknownColumn(CheckerError):
    """A column that there is not."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no column {name!r}; columns are: {', '.join(BY_ID)}")


def column_named(name: str) -> Column:
    """The column of that id. Raises UnknownColumn."""
    try:
        return BY_ID[name]
    except KeyError:
        raise UnknownColumn(name) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A column on the screen."""

    column: Column
    width: int


def fitted(width: int, *, longest_name: int = 32, columns: Sequence[Column] = COLUMNS) -> tuple[Place, ...]:
    """The columns that fit, in their order; the room that is left goes to those that can use it, the most important first."""
    node = replace(BY_ID["node"], most=max(BY_ID["node"].least, min(BY_ID["node"].most, longest_name)))
    columns = tuple(node if column.id == "node" else column for column in columns)
    chosen: list[Column] = []
    left = width + GAP
    for column in sorted(columns, key=lambda column: column.importance):
        if column.least + GAP > left:
            break
        chosen.append(column)
        left -= column.least + GAP
    widths = {}
    for column in chosen:
        more = min(left, column.most - column.least)
        widths[column.id] = column.least + more
        left -= more
    return tuple(Place(column=column, width=widths[column.id]) for column in columns if column.id in widths)


def cut(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly so many cells."""
    if len(text) > width:
        return text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)
