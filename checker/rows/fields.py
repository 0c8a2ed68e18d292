"""What a filter can name: the texts and numbers of a row, by name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from checker.model import CheckerError
from checker.nearest import did_you_mean
from checker.rows import cells
from checker.rows.hours import day_text, overall
from checker.rows.percent import number
from checker.rows.rate import rate_text, rate_value, rates_of
from checker.rows.row import HOURS, STALE, Moment, Row
from checker.rows.trend import trend_text

AGES = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
LATENCIES = {"": 1.0, "ms": 1.0, "s": 1000.0}
PERCENT = {"": 1.0, "%": 1.0}
COUNTS = {"": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that is known about a row."""

    id: str
    title: str
    text: Callable[[Row, Moment], str]
    number: Callable[[Row, Moment], float | None] | None = None
    """What a filter compares, in seconds for an age; it returns None if unknown. None: the field
    has no numbers.
    """
    units: Mapping[str, float] = field(default_factory=lambda: COUNTS)
    """Units that may follow a number in a filter, and their factors."""
    ages: bool = False
    """The text depends on the clock; a filter does not search it."""
    searched: bool = True
    """A word without a column is searched in it, unless it ages."""
    values: Callable[[Row], Sequence[str]] | None = None
    """What a filter searches, if that is not the text."""
    values_now: Callable[[Row, Moment], Sequence[str]] | None = None
    """What it searches if the field is named: what `values` says may no longer be true."""
    whole: Callable[[str], bool] | None = None
    """Whether a word must be a whole value. None: a part of one always suffices."""

    @property
    def asks_time(self) -> bool:
        """Whether what a filter finds in it may change as time passes."""
        return self.ages or self.values_now is not None

    def found(self, row: Row, moment: Moment) -> Sequence[str]:
        """What a filter searches that names the field."""
        return (
            self.lasting(row, moment) if self.values_now is None else self.values_now(row, moment)
        )

    def lasting(self, row: Row, moment: Moment) -> Sequence[str]:
        """What a word without a column is searched in."""
        return (self.text(row, moment),) if self.values is None else self.values(row)


FIELDS = (
    Field(
        id="node",
        title="node",
        text=cells.node_text,
        values=lambda row: (cells.safe(row.seen.node),),
    ),
    Field(
        id="port",
        title="port",
        text=cells.port_text,
        number=lambda row, _: cells.port_value(row),
    ),
    Field(id="target", title="target", text=lambda row, _: cells.target_text(row)),
    Field(
        id="status",
        title="status",
        text=cells.status_text,
        values=lambda row: (row.word,),
        values_now=lambda row, moment: (moment.word(row),),
    ),
    Field(
        id="gateway",
        title="gateway",
        text=cells.gateway_text,
        values=cells.gateways,
    ),
    Field(
        id="probe",
        title="probe",
        ages=True,
        units=AGES,
        text=cells.probe_text,
        values_now=lambda row, moment: (
            cells.probe_text(row, moment),
            STALE if moment.is_stale(row) else "",
        ),
        number=lambda row, moment: cells.age_s(row.seen.probed_at, moment),
    ),
    Field(
        id="day",
        title=f"{HOURS} h",
        ages=True,
        units=PERCENT,
        text=lambda row, _: day_text(row),
        number=lambda row, _: cells.percentage(overall(row.known.hours)),
    ),
    Field(id="answer", title="answer", text=cells.answer_text),
    Field(
        id="latency",
        title="latency",
        units=LATENCIES,
        text=cells.latency_text,
        number=lambda row, _: row.seen.latency_ms,
    ),
    Field(
        id="pid",
        title="sshd",
        text=cells.pid_text,
        number=lambda row, _: cells.pid_value(row),
    ),
    Field(id="peer", title="peer", text=lambda row, _: cells.safe(row.seen.peer)),
    Field(
        id="since",
        title="since",
        ages=True,
        units=AGES,
        text=cells.since_text,
        number=lambda row, moment: cells.age_s(row.seen.since, moment),
    ),
    Field(
        id="flaps",
        title="flaps",
        text=lambda row, _: cells.count_text(row.known.flaps),
        number=lambda row, _: row.known.flaps,
    ),
    Field(
        id="kills",
        title="kills",
        text=lambda row, _: cells.count_text(cells.kills_value(row)),
        number=lambda row, _: cells.kills_value(row),
    ),
    Field(
        id="bytes",
        title="bytes",
        units=SIZES,
        text=lambda row, _: cells.bytes_text(cells.bytes_value(row)),
        number=lambda row, _: cells.bytes_value(row),
    ),
    Field(id="client", title="client", text=lambda row, _: cells.safe(row.known.client)),
    Field(id="instance", title="instance", text=lambda row, _: cells.safe(row.known.instance)),
    Field(id="expect", title="expect", text=cells.expect_text),
    Field(
        id="tags",
        title="tags",
        text=lambda row, _: " ".join(row.tags),
        values=lambda row: row.tags,
        whole=lambda _: True,
    ),
    Field(id="note", title="note", text=lambda row, _: cells.safe(row.note, 200)),
    Field(
        id="week",
        title="7 d",
        units=PERCENT,
        searched=False,
        text=lambda row, _: number(row.known.week),
        number=lambda row, _: cells.percentage(row.known.week),
    ),
    Field(
        id="month",
        title="30 d",
        units=PERCENT,
        searched=False,
        text=lambda row, _: number(row.known.month),
        number=lambda row, _: cells.percentage(row.known.month),
    ),
    Field(
        id="trend",
        title="trend",
        searched=False,
        text=lambda row, _: trend_text(row.known.trend),
    ),
    Field(
        id="rate",
        title="rate",
        units=SIZES,
        searched=False,
        text=lambda row, _: rate_text(rates_of(row)),
        number=lambda row, _: rate_value(row),
    ),
    Field(
        id="pub",
        title="published",
        text=lambda row, _: " ".join(cells.published(row)),
        values=cells.published,
        whole=str.isdigit,
    ),
    Field(
        id="banner",
        title="banner",
        text=lambda row, _: cells.safe(row.seen.answer or row.seen.detail, 200),
        searched=False,
    ),
)
BY_ID = {each.id: each for each in FIELDS}
EVENT_FIELDS = (
    Field(id="kind", title="kind", text=lambda *_: "", searched=False),
    Field(id="actor", title="actor", text=lambda *_: "", searched=False),
    Field(id="text", title="text", text=lambda *_: "", searched=False),
    Field(
        id="at", title="at", text=lambda *_: "", searched=False, units=AGES, number=lambda *_: None
    ),
)
"""What only an event of the log has; checker.rows.event_filter knows their values. Their names
cannot be shortened: the columns' names keep what they mean.
"""
OF_EVENTS = frozenset(each.id for each in EVENT_FIELDS)
NAMES = tuple(dict.fromkeys((*BY_ID, *(each.title for each in FIELDS), "tag")))
"""What may be meant by a mistyped column: `tag` is written more often than `tags`."""


class UnknownColumn(CheckerError):
    """A column that does not exist."""

    def __init__(self, name: str, ids: Iterable[str] = tuple(BY_ID)) -> None:
        hint = did_you_mean(name, NAMES) or ";"
        super().__init__(f"there is no column {name!r}{hint} columns are: {', '.join(ids)}")


def fields_called(name: str) -> tuple[Field, ...]:
    """The fields that a name, or the beginning of one, may mean."""
    exact = tuple(each for each in (*FIELDS, *EVENT_FIELDS) if name in (each.id, each.title))
    return exact or tuple(
        each for each in FIELDS if each.id.startswith(name) or each.title.startswith(name)
    )
