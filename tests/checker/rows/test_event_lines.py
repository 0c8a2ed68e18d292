"""Pages of several gateways' logs, merged: the same as one log of all events, sorted."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from checker.model import Event, EventKind
from checker.rows.event_lines import (
    BEGIN,
    END,
    Line,
    LinePage,
    Mark,
    in_order,
    mark_of,
    newest_of,
    oldest_of,
)

TIMES = st.lists(st.sampled_from([1.0, 2.0, 2.5, 3.0, 7.0]), max_size=12)
"""A clock that may go back, and events of several gateways at the same time."""
LOGS = st.dictionaries(st.sampled_from(["gw1", "gw2", "gw3", "gw4"]), TIMES, min_size=1)


def log_of(gateway: str, times: Sequence[float]) -> list[Line]:
    return [
        (Event(id=number, at=at, kind=EventKind.STATUS, text="x"), gateway)
        for number, at in enumerate(times, start=1)
    ]


def before(log: Sequence[Line], mark: Mark, count: int) -> LinePage:
    """What one gateway's file answers."""
    found = [line for line in in_order(log) if mark_of(line) < mark]
    return LinePage(lines=tuple(found[-count:]), is_last=len(found) < count)


def after(log: Sequence[Line], mark: Mark, count: int) -> LinePage:
    found = [line for line in in_order(log) if mark_of(line) > mark]
    return LinePage(lines=tuple(found[:count]), is_last=len(found) < count)


@given(logs=LOGS, count=st.integers(1, 5))
def test_page_by_page_backwards_it_is_the_sort_of_all(
    logs: dict[str, list[float]], count: int
) -> None:
    each = [log_of(gateway, times) for gateway, times in logs.items()]

    found, mark, is_last = list[Line](), END, False
    while not is_last:
        page = newest_of([before(log, mark, count) for log in each], count)
        found, is_last = [*page.lines, *found], page.is_last
        mark = mark_of(found[0]) if found else mark

    assert found == sorted((line for log in each for line in log), key=mark_of)


@given(logs=LOGS, count=st.integers(1, 5))
def test_page_by_page_forwards_it_is_the_sort_of_all(
    logs: dict[str, list[float]], count: int
) -> None:
    each = [log_of(gateway, times) for gateway, times in logs.items()]

    found, mark, is_last = list[Line](), BEGIN, False
    while not is_last:
        page = oldest_of([after(log, mark, count) for log in each], count)
        found, is_last = [*found, *page.lines], page.is_last
        mark = mark_of(found[-1]) if found else mark

    assert found == sorted((line for log in each for line in log), key=mark_of)


@given(logs=LOGS, count=st.integers(1, 5))
def test_a_page_has_no_more_lines_than_were_asked_for(
    logs: dict[str, list[float]], count: int
) -> None:
    each = [log_of(gateway, times) for gateway, times in logs.items()]

    newest = newest_of([before(log, END, count) for log in each], count)
    oldest = oldest_of([after(log, BEGIN, count) for log in each], count)

    assert len(newest.lines) <= count
    assert len(oldest.lines) <= count


def test_without_a_fleet_the_log_keeps_the_order_of_its_ids() -> None:
    first, second = (Event(id=n, at=9.0 - n, kind=EventKind.STATUS, text="x") for n in (1, 2))

    assert in_order([(second, ""), (first, "")]) == [(first, ""), (second, "")]
    assert in_order([(second, "gw1"), (first, "gw1")]) == [(second, "gw1"), (first, "gw1")]
