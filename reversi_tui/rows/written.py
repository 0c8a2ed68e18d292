"""What the table shows as CSV, JSON or Markdown: rows, columns and order as given. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from checker.rows.cells import kills_value, percentage, pid_value, port_value, safe
from checker.rows.fields import BY_ID
from checker.rows.hours import overall
from checker.rows.row import Moment, Row
from reversi_tui.rows.columns import Column

SCHEMA = 1
STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes a cell that begins so. Source: OWASP, CSV Injection."""
MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\|*_`<>[]~"})
Value = float | str | list[str] | list[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is on the screen, whatever has no room there included."""

    rows: Sequence[Row]
    columns: Sequence[Column]
    moment: Moment
    filter_text: str = ""
    faults_only: bool = False
    sort: str = ""
    """The column, with a `-` before it if the order is reversed."""

    def texts(self, row: Row) -> list[str]:
        """The row's cells as the table shows them, uncut."""
        return [column.text(row, self.moment) for column in self.columns]


def whole(number: float | None) -> float | None:
    """The number, without a fraction of zero."""
    return int(number) if number is not None and float(number).is_integer() else number


def rounded(number: float | None) -> float | None:
    return None if number is None else whole(round(number, 2))


def when(at: float | None) -> float | None:
    return None if at is None else round(at, 1)


VALUES: dict[str, tuple[str, Callable[[Row, Moment], Value]]] = {
    "port": ("port", lambda row, _: None if row.members else whole(port_value(row))),
    "status": ("status", lambda row, moment: moment.word(row)),
    "probe": ("probed_at", lambda row, _: when(row.seen.probed_at)),
    "day": ("up_percent", lambda row, _: rounded(percentage(overall(row.known.hours)))),
    "week": ("week_percent", lambda row, _: rounded(percentage(row.known.week))),
    "month": ("month_percent", lambda row, _: rounded(percentage(row.known.month))),
    "answer": ("detail", BY_ID["answer"].text),
    "latency": ("latency_ms", lambda row, _: rounded(row.seen.latency_ms)),
    "pid": ("pid", lambda row, _: whole(pid_value(row))),
    "since": ("since", lambda row, _: when(row.seen.since)),
    "flaps": ("flaps", lambda row, _: row.known.flaps),
    "kills": ("kills", lambda row, _: whole(kills_value(row))),
    "bytes": ("bytes", lambda row, moment: whole(number_of("bytes", row, moment))),
    "rate": ("bytes_per_s", lambda row, moment: rounded(number_of("rate", row, moment))),
    "tags": ("tags", lambda row, _: list(row.tags)),
}
"""The name and the value of each column that is more than its text; names as in `--json`."""
TIMES = frozenset({"probe", "since"})


def number_of(name: str, row: Row, moment: Moment) -> float | None:
    number = BY_ID[name].number
    return None if number is None else number(row, moment)


def name_of(column: Column) -> str:
    return VALUES[column.id][0] if column.id in VALUES else column.id


def value_of(column: Column, row: Row, moment: Moment) -> Value:
    """The value as a program wants it: a number in the unit of its name, None if unknown."""
    if column.id == "node":
        return safe(row.seen.node)
    if column.id in VALUES:
        return VALUES[column.id][1](row, moment)
    return column.text(row, moment) or None


def document(shown: Shown) -> str:
    """JSON: how the rows were chosen, and one object for each row."""
    rows = []
    for row in shown.rows:
        values: dict[str, Any] = {
            name_of(column): value_of(column, row, shown.moment) for column in shown.columns
        }
        if row.members:
            values["ports"] = [member.seen.port for member in row.members]
        rows.append(values)
    return json.dumps(
        {
            "schema": SCHEMA,
            "written_at": when(shown.moment.now),
            "filter": shown.filter_text,
            "faults_only": shown.faults_only,
            "sort": shown.sort,
            "rows": rows,
        },
        indent=1,
    )


def csv_text(shown: Shown) -> str:
    """CSV with a header (RFC 4180); times are UTC, an unknown value is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([name_of(column) for column in shown.columns])
    for row in shown.rows:
        writer.writerow([csv_cell(column, row, shown.moment) for column in shown.columns])
    return text.getvalue()


def csv_cell(column: Column, row: Row, moment: Moment) -> str:
    if column.id == "port" and row.members:
        return " ".join(str(member.seen.port) for member in row.members)
    value = value_of(column, row, moment)
    match value:
        case None:
            return ""
        case list():
            return plain_text(" ".join(map(str, value)))
        case str():
            return plain_text(value)
        case _ if column.id in TIMES:
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return str(value)


def plain_text(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if text.startswith(STARTS_FORMULA) else text


def markdown(shown: Shown) -> str:
    """A table in Markdown. Each line begins with `|`: a shell that it is pasted into by mistake
    refuses every line.
    """
    marks = ["---:" if column.right else "---" for column in shown.columns]
    titles = [column.title for column in shown.columns]
    rows = ([text.translate(MARKDOWN) for text in shown.texts(row)] for row in shown.rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, marks, *rows))
