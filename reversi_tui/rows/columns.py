"""The columns: how a field is laid out, cut and sorted. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from checker.rows import cells, fields
from checker.rows.cells import SYMBOLS
from checker.rows.fields import Field, UnknownColumn
from checker.rows.hours import overall
from checker.rows.rate import rate_value
from checker.rows.row import HOURS, WORST_FIRST, Moment, Row
from checker.rows.trend import SAMPLES
from reversi_tui.rows import sort_values
from reversi_tui.rows.cutting import Cutter, cut_address, cut_end, cut_middle, cut_start
from reversi_tui.rows.sort_values import SortValue

__all__ = [
    "BY_ID",
    "COLUMNS",
    "DEFAULTS",
    "SYMBOLS",
    "WORST_FIRST",
    "Column",
    "SortValue",
    "UnknownColumn",
    "column_named",
    "offered",
    "usual",
]


RATE = 7
"""Cells of a rate's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table."""

    field: Field
    least: int
    """Cells that it needs."""
    most: int
    """Cells that it can use."""
    importance: int
    """1 stays longest when the terminal is narrow."""
    tip: str
    """What it shows."""
    sort_value: Callable[[Row], SortValue]
    sort_now: Callable[[Row, Moment], SortValue] | None = None
    """The sort value, if it changes as time passes."""
    right: bool = False
    largest_first: bool = False
    """Sorted in descending order at first: the large ones are asked for."""
    wide: bool = False
    """Shown only if the operator asks for more columns."""
    of_fleet: bool = False
    """Shown only in a fleet, unless the operator asks for it: else it is empty."""
    cutter: Cutter = cut_end
    """How a text that is too long is cut."""

    @property
    def id(self) -> str:
        return self.field.id

    @property
    def title(self) -> str:
        return self.field.title

    @property
    def text(self) -> Callable[[Row, Moment], str]:
        return self.field.text

    def value(self, row: Row, moment: Moment) -> SortValue:
        """What the table sorts by."""
        return self.sort_value(row) if self.sort_now is None else self.sort_now(row, moment)

    @property
    def ages(self) -> bool:
        """Whether the text depends on the clock."""
        return self.field.ages


COLUMNS = (
    Column(
        field=fields.BY_ID["node"],
        least=10,
        most=32,
        importance=1,
        tip="The node; * = not in the registry",
        cutter=cut_middle,
        sort_value=lambda row: row.seen.node,
    ),
    Column(
        field=fields.BY_ID["port"],
        least=5,
        most=8,
        importance=3,
        right=True,
        tip="The port on the gateway",
        sort_value=lambda row: row.seen.port,
    ),
    Column(
        field=fields.BY_ID["target"],
        least=13,
        most=40,
        importance=4,
        tip="Where the forward leads, from the node",
        cutter=cut_address,
        sort_value=sort_values.target_value,
    ),
    Column(
        field=fields.BY_ID["status"],
        least=12,
        most=12,
        importance=2,
        tip="The status after the last probe",
        sort_value=lambda row: WORST_FIRST[row.seen.status],
        sort_now=lambda row, moment: moment.badness(row),
    ),
    Column(
        field=fields.BY_ID["gateway"],
        least=8,
        most=20,
        importance=5,
        of_fleet=True,
        tip="In a fleet, the gateway that holds it, or held it last; + others that hold it",
        sort_value=lambda row: sort_values.worded(" ".join(cells.gateways(row))),
    ),
    Column(
        field=fields.BY_ID["day"],
        least=HOURS,
        most=HOURS,
        importance=6,
        tip="The last 24 hours, one cell each",
        sort_value=lambda row: overall(row.known.hours),
    ),
    Column(
        field=fields.BY_ID["answer"],
        least=12,
        most=160,
        importance=5,
        tip="What the last probe found",
        sort_value=lambda row: sort_values.worded(
            cells.counted(row.members) if row.members else row.seen.detail
        ),
    ),
    Column(
        field=fields.BY_ID["latency"],
        least=8,
        most=8,
        importance=8,
        right=True,
        largest_first=True,
        tip="How long the answer took",
        sort_value=lambda row: row.seen.latency_ms,
    ),
    Column(
        field=fields.BY_ID["pid"],
        least=7,
        most=7,
        importance=9,
        right=True,
        tip="The sshd process that holds the port",
        sort_value=cells.pid_value,
    ),
    Column(
        field=fields.BY_ID["peer"],
        least=21,
        most=21,
        importance=10,
        tip="Where the node's connection comes from",
        cutter=cut_address,
        sort_value=lambda row: sort_values.worded(row.seen.peer),
    ),
    Column(
        field=fields.BY_ID["since"],
        least=6,
        most=6,
        importance=7,
        right=True,
        tip="How long it has had this status",
        sort_value=lambda row: row.seen.since,
    ),
    Column(
        field=fields.BY_ID["flaps"],
        least=6,
        most=6,
        importance=12,
        right=True,
        largest_first=True,
        wide=True,
        tip="How often the tunnel was lost lately",
        sort_value=lambda row: row.known.flaps,
    ),
    Column(
        field=fields.BY_ID["kills"],
        least=6,
        most=6,
        importance=13,
        right=True,
        largest_first=True,
        wide=True,
        tip="How often its process was killed",
        sort_value=cells.kills_value,
    ),
    Column(
        field=fields.BY_ID["bytes"],
        least=6,
        most=6,
        importance=14,
        right=True,
        largest_first=True,
        wide=True,
        tip="Bytes through the present connection",
        sort_value=cells.bytes_value,
    ),
    Column(
        field=fields.BY_ID["client"],
        least=24,
        most=32,
        importance=15,
        wide=True,
        tip="The node's program and its version",
        cutter=cut_middle,
        sort_value=lambda row: sort_values.worded(row.known.client),
    ),
    Column(
        field=fields.BY_ID["instance"],
        least=12,
        most=20,
        importance=16,
        wide=True,
        tip="The run of the node's client",
        cutter=cut_middle,
        sort_value=lambda row: sort_values.worded(row.known.instance),
    ),
    Column(
        field=fields.BY_ID["expect"],
        least=14,
        most=32,
        importance=17,
        wide=True,
        tip="The response that counts as up",
        sort_value=lambda row: sort_values.worded(
            str(row.forward.expect) if row.forward and not row.members else ""
        ),
    ),
    Column(
        field=fields.BY_ID["tags"],
        least=12,
        most=32,
        importance=18,
        wide=True,
        tip="The labels that the admin gave to the node",
        sort_value=lambda row: sort_values.worded(" ".join(row.tags)),
    ),
    Column(
        field=fields.BY_ID["note"],
        least=12,
        most=48,
        importance=19,
        wide=True,
        tip="The admin's note about the node",
        sort_value=lambda row: sort_values.worded(row.note),
    ),
    Column(
        field=fields.BY_ID["week"],
        least=6,
        most=6,
        importance=20,
        right=True,
        wide=True,
        tip="Up in the last 7 days, in percent",
        sort_value=lambda row: row.known.week,
    ),
    Column(
        field=fields.BY_ID["month"],
        least=6,
        most=6,
        importance=21,
        right=True,
        wide=True,
        tip="Up in the last 30 days, in percent",
        sort_value=lambda row: row.known.month,
    ),
    Column(
        field=fields.BY_ID["trend"],
        least=12,
        most=SAMPLES,
        importance=22,
        largest_first=True,
        wide=True,
        tip="The last 60 latencies as small bars",
        cutter=cut_start,
        sort_value=lambda row: row.seen.latency_ms,
    ),
    Column(
        field=fields.BY_ID["rate"],
        least=14,
        most=SAMPLES + RATE,
        importance=23,
        right=True,
        largest_first=True,
        wide=True,
        tip="The last 60 bytes per second as small bars",
        cutter=cut_start,
        sort_value=rate_value,
    ),
    Column(
        field=fields.BY_ID["probe"],
        least=10,
        most=10,
        importance=24,
        wide=True,
        tip="How long ago the last probe was",
        sort_value=lambda row: row.seen.probed_at,
    ),
)
BY_ID = {column.id: column for column in COLUMNS}
DEFAULTS = tuple(column for column in COLUMNS if not column.wide and not column.of_fleet)


def offered(*, in_fleet: bool) -> tuple[Column, ...]:
    """The columns to choose from."""
    return tuple(column for column in COLUMNS if in_fleet or not column.of_fleet)


def usual(*, in_fleet: bool) -> tuple[Column, ...]:
    """The columns if the operator chose none and all fit."""
    return tuple(column for column in offered(in_fleet=in_fleet) if not column.wide)


def column_named(name: str) -> Column:
    """The column with that id or title. Raises UnknownColumn."""
    asked = name.strip().lower()
    found = BY_ID.get(asked) or next((column for column in COLUMNS if column.title == asked), None)
    if found is None:
        raise UnknownColumn(name, BY_ID)
    return found
