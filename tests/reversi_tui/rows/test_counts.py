"""Counts by the values of a column, and the filters that show their rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Status
from checker.rows.filter import parse_filter
from checker.rows.mistakes import mistake
from checker.rows.row import Known, Moment, Row
from reversi_tui.rows.counts import (
    COUNTED,
    NONE,
    bar,
    counts_by,
    filter_for,
    filter_of,
    narrowed,
    states_of,
)
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)


def row(
    node: str,
    status: Status = Status.UP,
    tags: tuple[str, ...] = (),
    client: str = "",
    **seen: object,
) -> Row:
    pid = None if status is Status.DOWN else 4000
    return Row(
        forward=forward(node, 20010, target=f"127.0.0.1:{22 + len(node)}"),
        seen=replace(tunnel(node, 20010, status, pid=pid), **seen),  # type: ignore[arg-type]
        known=Known(client=client, flaps=len(node) - 3, hours=(1.0, 0.97)),
        tags=tags,
    )


ROWS = (
    row("attic", tags=("basel", "openwrt"), client="reversi 1.0", latency_ms=3.0),
    row("barn", Status.DOWN, tags=("bern",), client="reversi 1.0.1", since=NOW - 9e5),
    row("barn-2", Status.HUNG, tags=("basel",), detail="no answer / within |5 s", bytes_total=5),
    row("dock", tags=("openwrt",), client='"quoted" *', peer="[2001:db8::1]:700"),
    row("dock-30", tags=("basel-2",), peer="203.0.113.70:1", latency_ms=1500.0, detail=""),
    row("east", Status.UP, probed_at=NOW - 90_000, detail="x [" * 70),
)


STATES = states_of(ROWS, MOMENT)


@pytest.mark.parametrize("name", COUNTED)
def test_the_filter_of_each_count_shows_just_its_rows(name: str) -> None:
    counts = counts_by(name, ROWS, MOMENT, STATES)

    assert {each.key for count in counts for each in count.rows} == {each.key for each in ROWS}
    for count in counts:
        text = filter_of(count, name, counts)
        wanted = parse_filter(text)
        found = [each.key for each in ROWS if wanted.shows(each, MOMENT)]
        assert found == [each.key for each in count.rows], text
        assert not mistake(text, ROWS, MOMENT)


def test_states_are_those_of_the_moment() -> None:
    for each in ROWS:
        assert STATES[each.key] == (
            each.is_shut,
            MOMENT.badness(each),
            MOMENT.word(each),
            MOMENT.is_fault(each),
        )


def test_tags_have_the_worst_first_and_a_row_counts_for_each_of_its_tags() -> None:
    counts = counts_by("tags", ROWS, MOMENT, STATES)

    assert [(count.label, count.words(STATES)) for count in counts] == [
        (NONE, "1 stale"),
        ("basel", "1 hung 1 up"),
        ("bern", "1 down"),
        ("openwrt", "2 up"),
        ("basel-2", "1 up"),
    ]


def test_other_columns_have_the_most_first() -> None:
    counts = counts_by("status", ROWS, MOMENT, STATES)

    assert [(count.label, len(count.rows)) for count in counts] == [
        ("up", 3),
        ("down", 1),
        ("hung", 1),
        ("stale", 1),
    ]


def test_numbers_are_counted_in_ranges() -> None:
    counts = counts_by("latency", ROWS, MOMENT, STATES)

    assert [(count.label, count.range_filter, len(count.rows)) for count in counts] == [
        ("<20ms", "latency:<20ms", 1),
        ("20ms to <200ms", "latency:>=20ms latency:<200ms", 2),
        (">=1s", "latency:>=1s", 1),
        (NONE, "!latency:>=0", 2),
    ]


@pytest.mark.parametrize(
    ("name", "value", "others", "text"),
    [
        pytest.param("tags", "a", ("a", "ab"), "tag:a", id="a tag is whole"),
        pytest.param("client", "v1", ("v1", "v2"), "client:v1", id="alone"),
        pytest.param("client", "v1", ("v1", "v10"), "client:/^v1$/", id="part of another"),
        pytest.param("target", "a/b c", ("a/b c",), "target:/^a\\/b\\ c$/", id="signs"),
        pytest.param("peer", "1.2.3.4", ("1.2.3.40",), "peer:/^1\\.2\\.3\\.4:/", id="address"),
    ],
)
def test_a_filter_means_exactly_the_value(
    name: str, value: str, others: tuple[str, ...], text: str
) -> None:
    assert filter_for(name, value, others) == text


def test_a_bar_is_as_long_as_its_count() -> None:
    assert [len(bar(count, 100, 16)) for count in (1, 50, 100)] == [1, 8, 16]


def test_a_filter_is_narrowed_once() -> None:
    assert narrowed("", "tag:a") == "tag:a"
    assert narrowed("is:fault", "tag:a") == "is:fault tag:a"
    assert narrowed("is:fault tag:a", "tag:a") == "is:fault tag:a"
    assert narrowed("tag:ab", "tag:a") == "tag:ab tag:a"
