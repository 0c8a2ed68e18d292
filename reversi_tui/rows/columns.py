"""The columns: texts, sort values, filter numbers, and which of them fit a width. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from checker.model import CheckerError
from checker.nearest import did_you_mean
from reversi_tui.rows import cells
from reversi_tui.rows.cells import SYMBOLS, WORST_FIRST, SortValue
from reversi_tui.rows.row import HOURS, Moment, Row
from reversi_tui.rows.uptime import overall, strip_text

__all__ = [
    "BY_ID",
    "COLUMNS",
    "DEFAULTS",
    "SYMBOLS",
    "WORST_FIRST",
    "Column",
    "Place",
    "SortValue",
    "column_named",
    "cut",
    "fitted",
]

GAP = 1
ESSENTIAL = 4
"""Columns up to this importance go before the wide ones."""
AGES = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
LATENCIES = {"": 1.0, "ms": 1.0, "s": 1000.0}
PERCENT = {"": 1.0, "%": 1.0}
COUNTS = {"": 1.0}


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
    tip: str
    """What it shows."""
    text: Callable[[Row, Moment], str]
    sort_value: Callable[[Row], SortValue]
    number: Callable[[Row, Moment], float | None] | None = None
    """What a filter compares, in seconds for an age; it returns None if unknown. None: the column
    has no numbers.
    """
    units: Mapping[str, float] = field(default_factory=lambda: COUNTS)
    """Units that may follow a number in a filter, and their factors."""
    right: bool = False
    ages: bool = False
    """The text depends on the clock; a filter does not search it."""
    wide: bool = False
    """Shown only if the operator asks for more columns."""


COLUMNS = (
    Column(
        id="node",
        title="node",
        least=10,
        most=32,
        importance=1,
        tip="The node; * = not in the registry",
        text=cells.node_text,
        sort_value=lambda row: (row.seen.node,),
    ),
    Column(
        id="port",
        title="port",
        least=7,
        most=8,
        importance=3,
        right=True,
        tip="The port on the gateway",
        text=cells.port_text,
        sort_value=lambda row: (row.seen.port,),
        number=lambda row, _: cells.port_value(row),
    ),
    Column(
        id="target",
        title="target",
        least=13,
        most=21,
        importance=8,
        tip="Where the forward leads, from the node",
        text=lambda row, _: cells.target_text(row),
        sort_value=cells.target_value,
    ),
    Column(
        id="status",
        title="status",
        least=10,
        most=10,
        importance=2,
        tip="The status after the last probe",
        text=cells.status_text,
        sort_value=lambda row: (WORST_FIRST[row.seen.status],),
    ),
    Column(
        id="probe",
        title="probe",
        least=10,
        most=10,
        importance=4,
        ages=True,
        units=AGES,
        tip="How long ago the last probe was",
        text=cells.probe_text,
        sort_value=lambda row: cells.known(row.seen.probed_at),
        number=lambda row, moment: cells.age_s(row.seen.probed_at, moment),
    ),
    Column(
        id="day",
        title=f"{HOURS} h",
        least=HOURS,
        most=HOURS,
        importance=5,
        ages=True,
        units=PERCENT,
        tip="The last 24 hours, one cell each",
        text=lambda row, _: strip_text(row.known.hours),
        sort_value=lambda row: cells.known(overall(row.known.hours)),
        number=lambda row, _: cells.percentage(overall(row.known.hours)),
    ),
    Column(
        id="answer",
        title="answer",
        least=12,
        most=48,
        importance=17,
        tip="What the last probe found",
        text=cells.answer_text,
        sort_value=lambda row: cells.worded(cells.counted(row.members) or row.seen.detail),
    ),
    Column(
        id="latency",
        title="latency",
        least=8,
        most=8,
        importance=9,
        right=True,
        units=LATENCIES,
        tip="How long the answer took",
        text=cells.latency_text,
        sort_value=lambda row: cells.known(row.seen.latency_ms),
        number=lambda row, _: row.seen.latency_ms,
    ),
    Column(
        id="pid",
        title="sshd",
        least=7,
        most=7,
        importance=6,
        right=True,
        tip="The sshd process that holds the port",
        text=cells.pid_text,
        sort_value=lambda row: cells.known(cells.pid_value(row)),
        number=lambda row, _: cells.pid_value(row),
    ),
    Column(
        id="peer",
        title="peer",
        least=15,
        most=21,
        importance=10,
        tip="Where the node's connection comes from",
        text=lambda row, _: cells.safe(row.seen.peer),
        sort_value=lambda row: cells.worded(row.seen.peer),
    ),
    Column(
        id="since",
        title="since",
        least=6,
        most=6,
        importance=7,
        right=True,
        ages=True,
        units=AGES,
        tip="How long it has had this status",
        text=cells.since_text,
        sort_value=lambda row: cells.known(row.seen.since),
        number=lambda row, moment: cells.age_s(row.seen.since, moment),
    ),
    Column(
        id="flaps",
        title="flaps",
        least=5,
        most=5,
        importance=11,
        right=True,
        wide=True,
        tip="How often the tunnel was lost lately",
        text=lambda row, _: cells.count_text(row.known.flaps),
        sort_value=lambda row: (row.known.flaps,),
        number=lambda row, _: row.known.flaps,
    ),
    Column(
        id="kills",
        title="kills",
        least=5,
        most=5,
        importance=12,
        right=True,
        wide=True,
        tip="How often its process was killed",
        text=lambda row, _: cells.count_text(cells.kills_value(row)),
        sort_value=lambda row: (cells.kills_value(row),),
        number=lambda row, _: cells.kills_value(row),
    ),
    Column(
        id="bytes",
        title="bytes",
        least=5,
        most=5,
        importance=13,
        right=True,
        wide=True,
        units=SIZES,
        tip="Bytes through the present connection",
        text=lambda row, _: cells.bytes_text(cells.bytes_value(row)),
        sort_value=lambda row: cells.known(cells.bytes_value(row)),
        number=lambda row, _: cells.bytes_value(row),
    ),
    Column(
        id="client",
        title="client",
        least=12,
        most=24,
        importance=14,
        wide=True,
        tip="The node's program and its version",
        text=lambda row, _: cells.safe(row.known.client),
        sort_value=lambda row: cells.worded(row.known.client),
    ),
    Column(
        id="instance",
        title="instance",
        least=12,
        most=20,
        importance=15,
        wide=True,
        tip="The run of the node's client",
        text=lambda row, _: cells.safe(row.known.instance),
        sort_value=lambda row: cells.worded(row.known.instance),
    ),
    Column(
        id="expect",
        title="expect",
        least=14,
        most=32,
        importance=16,
        wide=True,
        tip="The response that counts as up",
        text=cells.expect_text,
        sort_value=lambda row: cells.worded(
            str(row.forward.expect) if row.forward and not row.members else ""
        ),
    ),
)
BY_ID = {column.id: column for column in COLUMNS}
DEFAULTS = tuple(column for column in COLUMNS if not column.wide)
COLUMN_NAMES = tuple(dict.fromkeys((*BY_ID, *(column.title for column in COLUMNS))))


class UnknownColumn(CheckerError):
    """A column that does not exist."""

    def __init__(self, name: str) -> None:
        hint = did_you_mean(name, COLUMN_NAMES) or ";"
        super().__init__(f"there is no column {name!r}{hint} columns are: {', '.join(BY_ID)}")


def column_named(name: str) -> Column:
    """The column with that id or title. Raises UnknownColumn."""
    asked = name.strip().lower()
    found = BY_ID.get(asked) or next((column for column in COLUMNS if column.title == asked), None)
    if found is None:
        raise UnknownColumn(name)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A column on the screen."""

    column: Column
    width: int


def fitted(
    width: int, *, longest_name: int = 32, chosen: Sequence[str] = (), wide: bool = False
) -> tuple[Place, ...]:
    """The columns that fit, in their order; the remaining room goes to those that can use it, the
    most important first.

    If not all `chosen` columns (ids) fit, the last ones go; `node` always stays. Wide columns
    follow the chosen ones.
    """
    node = replace(
        BY_ID["node"], most=max(BY_ID["node"].least, min(BY_ID["node"].most, longest_name))
    )
    columns = (
        in_order(width, node, chosen, wide=wide)
        if chosen
        else by_importance(width, node, wide=wide)
    )
    left = width + GAP - sum(column.least + GAP for column in columns)
    widths = {}
    for column in sorted(columns, key=lambda column: column.importance):
        more = max(0, min(left, column.most - column.least))
        widths[column.id] = column.least + more
        left -= more
    return tuple(Place(column=column, width=widths[column.id]) for column in columns)


def by_importance(width: int, node: Column, *, wide: bool) -> list[Column]:
    """The columns that fit if the operator chose none; wide ones go before the less important of
    the others.
    """
    candidates = [
        node if column.id == "node" else column for column in (COLUMNS if wide else DEFAULTS)
    ]
    ranked = sorted(
        candidates,
        key=lambda column: (column.importance > ESSENTIAL and not column.wide, column.importance),
    )
    taken = fitting(width, ranked[0], ranked[1:])
    return [column for column in candidates if column.id in taken]


def in_order(width: int, node: Column, chosen: Sequence[str], *, wide: bool) -> list[Column]:
    """The chosen columns, up to the first one that does not fit."""
    ids = list(dict.fromkeys((*chosen, *(column.id for column in COLUMNS if wide and column.wide))))
    if "node" not in ids:
        ids.insert(0, "node")
    columns = [node if name == "node" else BY_ID[name] for name in ids]
    taken = fitting(width, node, (column for column in columns if column is not node), stop=True)
    return [column for column in columns if column.id in taken]


def fitting(width: int, first: Column, others: Iterable[Column], *, stop: bool = False) -> set[str]:
    """Ids of the columns that fit beside the first, tried in order; with `stop`, the first one that
    does not fit ends the search.
    """
    taken, left = {first.id}, width - first.least
    for column in others:
        if column.least + GAP <= left:
            taken.add(column.id)
            left -= column.least + GAP
        elif stop:
            break
    return taken


def cut(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly `width` cells; each of its characters takes one."""
    if len(text) > width:
        return text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)
