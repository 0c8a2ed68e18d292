"""Pages of one gateway's events by time, as a fleet's log needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from checker.control import timed_pages
from checker.control.event_pages import Superseded
from checker.control.timed_pages import BY_ID, BY_TIME, NEWEST_FIRST, OLDEST_FIRST, SPAN, TimedPages
from checker.rows.event_lines import BEGIN, END, LinePage, mark_of
from checker.rows.filter import parse_filter
from checker.state.rows import Batch
from checker.state.store import StateFile, open_store
from tests.checker.rows.test_event_filter import AROUND, EVENTS, FILTERS

SHUFFLED = tuple(EVENTS[place] for place in (3, 0, 5, 4, 1, 2))
"""As if the clock had been set back: 2 and 3 are at the same time."""
GATEWAY = replace(AROUND, gateway="gw2")
NUMBERS = {event.text: event.id for event in EVENTS}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFile]:
    opened = open_store(tmp_path / "gw2.db")
    opened.write(Batch(events=SHUFFLED))
    yield opened
    opened.close()


def pages_of(state: StateFile, text: str) -> TimedPages:
    return TimedPages(state, parse_filter(text), GATEWAY)


def numbers(page: LinePage) -> list[int]:
    assert all(gateway == "gw2" for _, gateway in page.lines)
    return [NUMBERS[event.text] for event, _ in page.lines]


@pytest.mark.parametrize(("text", "wanted"), FILTERS)
@pytest.mark.parametrize("few", [1, 100])
def test_both_directions_give_what_the_filter_shows_by_time(
    state: StateFile, monkeypatch: pytest.MonkeyPatch, text: str, wanted: list[int], few: int
) -> None:
    monkeypatch.setattr(timed_pages, "FEW", few)
    pages = pages_of(state, text)

    assert numbers(pages.earlier(END)) == wanted
    assert numbers(pages.later(BEGIN)) == wanted
    assert [NUMBERS[event.text] for event, _ in pages.all_of_them()] == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gateway:gw2", [1, 2, 3, 4, 5, 6]),
        ("gateway:=gw", []),
        ("gateway:gw", [1, 2, 3, 4, 5, 6]),
        ("gateway:gw1 kind:kill", []),
        ("gateway:gw1|gw2 kind:kill", [2, 4]),
        ("!gateway:gw1 actor:ada", [2, 5]),
        ("!gateway:gw2", []),
        ("gateway:/^gw[23]$/ actor:bob", [4]),
    ],
)
def test_the_gateway_of_an_event_is_its_own(state: StateFile, text: str, wanted: list[int]) -> None:
    assert numbers(pages_of(state, text).earlier(END)) == wanted


@pytest.mark.parametrize("few", [1, 3, 100])
@pytest.mark.parametrize("stride", [1, 2, 100])
@pytest.mark.parametrize("text", ["", "actor:ada|daemon", "actor:/ada|daemon/"])
def test_pages_meet_at_their_edges_in_both_directions(
    state: StateFile, monkeypatch: pytest.MonkeyPatch, text: str, stride: int, few: int
) -> None:
    monkeypatch.setattr(timed_pages, "FEW", few)
    monkeypatch.setattr(timed_pages, "STRIDE", stride)
    monkeypatch.setattr(timed_pages, "SLOW_STRIDE", stride)
    pages = pages_of(state, text)
    whole = numbers(pages.earlier(END))

    back, mark = list[int](), END
    while not (page := pages.earlier(mark, 2)).is_last:
        back = [*numbers(page), *back]
        mark = mark_of(page.lines[0])
    forth, mark = list[int](), BEGIN
    while not (following := pages.later(mark, 2)).is_last:
        forth += numbers(following)
        mark = mark_of(following.lines[-1])

    assert [*numbers(page), *back] == whole
    assert [*forth, *numbers(following)] == whole


@pytest.mark.parametrize(("gateway", "is_before"), [("gw1", True), ("gw3", False)])
def test_events_at_the_same_time_follow_the_names_of_their_gateways(
    state: StateFile, gateway: str, is_before: bool
) -> None:
    pages, at = pages_of(state, ""), EVENTS[3].at

    later, earlier = pages.later((at, gateway, 1)), pages.earlier((at, gateway, 1))

    assert (4 in numbers(later)) is is_before
    assert (4 in numbers(earlier)) is not is_before


def test_nothing_is_newer_than_what_was_looked_at(state: StateFile) -> None:
    found = pages_of(state, "").later(BEGIN, until=3)

    assert {event.id for event, _ in found.lines} == {1, 2, 3}


def test_a_search_that_nobody_waits_for_ends(state: StateFile) -> None:
    pages = TimedPages(state, parse_filter("x"), GATEWAY, lambda: True)

    with pytest.raises(Superseded):
        pages.earlier(END)


@pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST])
def test_a_page_is_found_by_its_times_without_sorting(state: StateFile, order: str) -> None:
    with state.using() as db:
        plan = [
            row["detail"]
            for row in db.execute(f"EXPLAIN QUERY PLAN {BY_TIME} {order}", (0.0, 0, 9.0, 0))
        ]

    assert plan[0].startswith("SEARCH event USING INDEX event_at")
    assert not any("TEMP B-TREE" in step for step in plan)


def test_many_are_read_by_their_ids(state: StateFile) -> None:
    with state.using() as db:
        plan = [
            row["detail"]
            for row in db.execute(f"EXPLAIN QUERY PLAN {BY_ID} AND {SPAN}", (1, 5, 0.0, 0, 9.0, 0))
        ]

    assert plan == ["SEARCH event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]
