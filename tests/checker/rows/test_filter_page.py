"""Every filter in the docs and in the help sheet does what is written beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import NodeName, Port, Status
from checker.rows.event_filter import RowsOf, event_mistake, shows
from checker.rows.fields import FIELDS
from checker.rows.filter import parse_filter
from checker.rows.mistakes import mistake
from checker.rows.row import Whereabouts
from checker.rows.states import STATES
from tests.checker.rows.samples import MOMENT, OTHER, ROW
from tests.checker.rows.test_event_filter import AROUND as USUAL
from tests.checker.rows.test_event_filter import EVENTS, NOON

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "filter.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")


def examples(page: str, title: str = "you (?:write|type)") -> list[str]:
    """The filters in the first column of the page's tables with this title."""
    tables = re.findall(rf"^\| {title} \|.*\n\|---\|---\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    firsts = (re.split(r"(?<!\\)\|", line)[1] for table in tables for line in table.splitlines())
    return [code.replace("\\|", "|") for first in firsts for code in CODE.findall(first)]


BARN = replace(OTHER, seen=replace(OTHER.seen, node=NodeName("barn-gate-1"), detail="port 80"))
PLAIN = replace(
    OTHER, tags=(), seen=replace(OTHER.seen, node=NodeName("x.example"), latency_ms=9e9)
)
HAPPENED = (
    *EVENTS,
    replace(EVENTS[2], port=Port(20011), text="a key that is not registered", at=NOON - 99),
)
AROUND = replace(
    USUAL,
    rows=RowsOf(
        (ROW, replace(OTHER, seen=replace(OTHER.seen, probed_at=NOON, status=Status.DOWN)))
    ),
)
LATE = replace(ROW.seen, bytes_total=2_000_000_000, probed_at=MOMENT.now - 999)
ROWS = (
    ROW,
    OTHER,
    BARN,
    replace(PLAIN, where=Whereabouts(gateway="gw2")),
    replace(ROW, barred="disabled", seen=LATE),
    *(replace(PLAIN, seen=replace(PLAIN.seen, status=status)) for status in Status),
)


@pytest.mark.parametrize(
    "text", [*examples(PAGE), *examples((DOCS / "console.md").read_text("utf-8"))]
)
def test_a_documented_filter_shows_some_rows_and_hides_others(text: str) -> None:
    found = parse_filter(text)
    shown = [row for row in ROWS if found.shows(row, MOMENT)]

    assert not mistake(text, ROWS, MOMENT)
    assert 0 < len(shown) < len(ROWS)


@pytest.mark.parametrize("text", examples(PAGE, "for events"))
def test_a_documented_filter_shows_some_events_and_hides_others(text: str) -> None:
    found = parse_filter(text)
    shown = [
        event
        for event in HAPPENED
        if shows(found, event, replace(AROUND, gateway="gw2" if event.id == 3 else "gw1"))
    ]

    assert not event_mistake(text, (ROW, OTHER), AROUND.moment)
    assert 0 < len(shown) < len(HAPPENED)


def test_the_page_has_examples_of_every_kind() -> None:
    assert len(examples(PAGE)) > 30


def test_the_page_names_each_state() -> None:
    named = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`is:([^`]*)`", PAGE))))

    assert set(STATES) - {status.value for status in Status} <= named


def test_the_page_names_each_column_and_no_other() -> None:
    listed = re.search(r"Columns are (.*?)\.\n", PAGE, re.DOTALL)

    assert listed
    assert CODE.findall(listed[1].replace(" (or `sshd`)", "")) == [field.id for field in FIELDS]
