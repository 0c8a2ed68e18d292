"""Pages of the event log: the same events in SQL as by the pure filter, at each page's edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.control import event_pages
from checker.control.event_pages import (
    BOUNDS,
    NEWEST_FIRST,
    OLDEST_FIRST,
    EventPages,
    Superseded,
    statement,
    stretches,
    wanted_of,
)
from checker.model import Event
from checker.rows.filter import parse_filter
from checker.state.rows import Batch
from checker.state.store import StateFile, open_store
from tests.checker.rows.test_event_filter import AROUND, EVENTS, FILTERS


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    opened = open_store(tmp_path / "state.db")
    opened.write(Batch(events=EVENTS))
    yield opened
    opened.close()


def pages_of(state: StateFile, text: str) -> EventPages:
    return EventPages(state, parse_filter(text), AROUND)


def ids(events: tuple[Event, ...]) -> list[int]:
    return [event.id for event in events]


@pytest.mark.parametrize(("text", "numbers"), FILTERS)
def test_the_table_gives_what_the_filter_shows(
    state: StateFile, text: str, numbers: list[int]
) -> None:
    page = pages_of(state, text).newest()

    assert ids(page.events) == numbers
    assert page.is_last
    assert [event.id for event, _ in pages_of(state, text).all_of_them()] == numbers


@pytest.mark.parametrize("stride", [1, 2, 100])
@pytest.mark.parametrize("text", ["", "actor:ada|daemon", "actor:/ada|daemon/"])
def test_pages_meet_at_their_edges_in_both_directions(
    state: StateFile, monkeypatch: pytest.MonkeyPatch, text: str, stride: int
) -> None:
    monkeypatch.setattr(event_pages, "STRIDE", stride)
    monkeypatch.setattr(event_pages, "SLOW_STRIDE", stride)
    pages = pages_of(state, text)
    whole = ids(pages.newest().events)

    back, before = list[int](), 7
    while not (page := pages.before(before, 2)).is_last:
        back = [*ids(page.events), *back]
        before = page.events[0].id
    forth, after = list[int](), 0
    while not (following := pages.after(after, 2)).is_last:
        forth += ids(following.events)
        after = following.events[-1].id

    assert [*ids(page.events), *back] == whole
    assert [*forth, *ids(following.events)] == whole


def test_a_search_that_nobody_waits_for_ends(state: StateFile) -> None:
    pages = EventPages(state, parse_filter("x"), AROUND, lambda: True)

    with pytest.raises(Superseded):
        pages.newest()


def test_no_events_are_one_empty_page(tmp_path: Path) -> None:
    empty = open_store(tmp_path / "empty.db")

    page = pages_of(empty, "").newest()
    empty.close()

    assert (page.events, page.is_last) == ((), True)


def test_a_file_without_the_newest_column_is_searched_too(state: StateFile) -> None:
    wanted = wanted_of(parse_filter("kind:kill"), AROUND, with_act=False)

    assert "act" not in statement(wanted, NEWEST_FIRST)


@pytest.mark.parametrize("text", ["", "node:=barn kind:kill", "barn at:<1d !actor:x port:>7"])
@pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST])
def test_a_page_is_found_by_its_ids_without_sorting(
    state: StateFile, text: str, order: str
) -> None:
    wanted = wanted_of(parse_filter(text), AROUND)
    values = [1, 5, *(value for _, values in wanted.clauses for value in values)]

    with state.using() as db:
        plan = [
            row["detail"]
            for row in db.execute(f"EXPLAIN QUERY PLAN {statement(wanted, order)}", values)
        ]

    assert plan[0] == "SEARCH event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not any("SCAN event" in step or "TEMP B-TREE" in step for step in plan)


def test_the_ends_of_the_log_are_found_without_reading_it(state: StateFile) -> None:
    with state.using() as db:
        plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {BOUNDS}")]

    assert plan.count("SEARCH event") == 2
    assert not any("SCAN event" in step for step in plan)


@pytest.mark.parametrize(
    ("newest", "expected"),
    [(True, [(5, 7), (2, 4), (1, 1)]), (False, [(1, 3), (4, 6), (7, 7)])],
)
def test_stretches_cover_all_ids_once(newest: bool, expected: list[tuple[int, int]]) -> None:
    assert list(stretches(1, 7, 3, newest=newest)) == expected
