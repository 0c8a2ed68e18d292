"""Filters: words, columns, numbers, and what is half typed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import Port, Status
from checker.rows.filter import parse_filter
from checker.rows.row import Known, Moment, Row
from reversi_tui.rows.columns import COLUMNS
from tests.reversi_tui.console.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)
ROW = Row(
    forward=forward("attic", 20010, target="10.0.0.5:443"),
    seen=replace(
        tunnel("attic", 20010, Status.HUNG, pid=4711, detail="No Answer within 5 s"),
        latency_ms=250.0,
        kills=3,
        bytes_total=2_500_000,
    ),
    known=Known(instance="brave-otter", client="reversi-client/1.0", flaps=2, hours=(1.0, 0.5)),
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", True, id="nothing"),
        pytest.param("att", True, id="in the name"),
        pytest.param("ATTIC", True, id="case does not matter"),
        pytest.param("barn", False, id="another name"),
        pytest.param("20010", True, id="the port"),
        pytest.param("10.0.0.5:443", True, id="a target, whose colon names no column"),
        pytest.param("!att", False, id="inverted"),
        pytest.param("!barn", True, id="inverted, another name"),
        pytest.param("!", True, id="half-typed inversion"),
        pytest.param("status:hung", True, id="in a column"),
        pytest.param("status:up", False, id="in a column, not there"),
        pytest.param("!status:up", True, id="inverted in a column"),
        pytest.param("status:", True, id="half-typed column"),
        pytest.param("!status:", True, id="half-typed inverted column"),
        pytest.param("st:hung", True, id="a shortened column"),
        pytest.param("sshd:4711", True, id="a column by its title"),
        pytest.param("node:hung", False, id="the word is in another column"),
        pytest.param("hung attic", True, id="both words"),
        pytest.param("hung barn", False, id="one word of two"),
        pytest.param("answer:no", True, id="the answer"),
        pytest.param(":", True, id="a colon alone is text, as in a target"),
        pytest.param("[(*", False, id="no pattern language"),
        pytest.param('"no answer within"', True, id="a phrase"),
        pytest.param('answer:"no answer"', True, id="a phrase in a column"),
        pytest.param('!answer:"no answer"', False, id="a phrase that must not be there"),
        pytest.param('"answer no"', False, id="a phrase in another order"),
        pytest.param('"no answer', True, id="a phrase whose end is not typed yet"),
        pytest.param('"', True, id="a quote alone says nothing yet"),
        pytest.param('"status:up"', False, id="a quoted colon names no column"),
        pytest.param("instance:otter client:1.0", True, id="what else is known"),
        pytest.param("latency:>200", True, id="more than"),
        pytest.param("latency:>250", False, id="not more than the same"),
        pytest.param("latency:>=250", True, id="at least"),
        pytest.param("latency:<=249.5", False, id="at most"),
        pytest.param("latency:<.5s", True, id="in another unit"),
        pytest.param("latency:=250", True, id="equal"),
        pytest.param("!latency:>200", False, id="an inverted number"),
        pytest.param("latency:>", True, id="a half-typed number says nothing yet"),
        pytest.param("latency:>=", True, id="a half-typed sign says nothing yet"),
        pytest.param("latency:>soon", False, id="without a number it is a text, which no cell has"),
        pytest.param("latency:>2h", False, id="a unit of another column"),
        pytest.param("node:>a", False, id="a column without numbers"),
        pytest.param("flaps:>0", True, id="flaps"),
        pytest.param("kills:<3", False, id="kills"),
        pytest.param("bytes:>2M", True, id="bytes"),
        pytest.param("bytes:>3m", False, id="not so many bytes"),
        pytest.param("pid:=4711", True, id="a process"),
        pytest.param("port:=2001", False, id="a port as a number, not as a part of one"),
        pytest.param("since:>1h", True, id="an age in hours"),
        pytest.param("since:<1h", False, id="an age, too old"),
        pytest.param("since:>7199 since:<121m", True, id="an age in seconds and minutes"),
        pytest.param("probe:<1d", True, id="an age in days"),
        pytest.param("probe:<1m", True, id="the age itself, not its coarse text"),
        pytest.param("day:<80%", True, id="a percentage of the day"),
        pytest.param("colour:red", False, id="an unknown column is text"),
        pytest.param("la:>200", True, id="a shortened column with a number"),
    ],
)
def test_a_filter_shows_the_row_or_not(text: str, *, shown: bool) -> None:
    assert parse_filter(text).shows(ROW, MOMENT) is shown


def test_what_is_not_known_is_on_neither_side_of_a_number() -> None:
    row = Row(forward=None, seen=tunnel("attic", 20010, pid=None))

    assert not parse_filter("pid:>0").shows(row, MOMENT)
    assert not parse_filter("pid:<=0").shows(row, MOMENT)
    assert parse_filter("!pid:>0").shows(row, MOMENT)


def test_a_stale_row_is_found_by_that_word() -> None:
    later = Moment(now=NOW + 600, every_s=20.0)

    assert parse_filter("probe:stale").shows(ROW, later)
    assert not parse_filter("probe:stale").shows(ROW, MOMENT)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        pytest.param("since:<1h", True, id="a number of an age"),
        pytest.param("!probe:stale", True, id="a word in an age"),
        pytest.param("attic latency:>2 status:up", False, id="nothing that ages"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_a_filter_says_whether_time_changes_what_it_shows(text: str, *, asks: bool) -> None:
    assert parse_filter(text).asks_time is asks


def test_a_word_may_be_turned_round_behind_its_column_too() -> None:
    assert parse_filter("status:!up") == parse_filter("!status:up")
    assert parse_filter("latency:!>200") == parse_filter("!latency:>200")
    assert parse_filter("!status:!up") == parse_filter("status:up")


def test_an_empty_filter_is_false() -> None:
    assert not parse_filter("  ! status: status:! ")
    assert parse_filter("x")


def test_folded_rows_are_shown_with_any_of_their_forwards() -> None:
    other = replace(ROW, seen=replace(ROW.seen, status=Status.UP, port=Port(20011)))
    folded = Row(forward=ROW.forward, seen=replace(ROW.seen, port=Port(0)), members=(ROW, other))

    assert parse_filter("!status:up").shows(folded, MOMENT)
    assert parse_filter("status:up").shows(folded, MOMENT)
    assert not parse_filter("status:down").shows(folded, MOMENT)
    assert not parse_filter("status:up port:20010").shows(folded, MOMENT)


def test_a_row_that_changed_is_searched_as_it_is_now() -> None:
    changed = replace(ROW, seen=replace(ROW.seen, detail="closed at once"))

    assert not parse_filter("closed").shows(ROW, MOMENT)
    assert parse_filter("closed").shows(changed, MOMENT)
    assert not parse_filter("closed").shows(ROW, MOMENT)


LIKELY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(column.id for column in COLUMNS),
                *'!:"<>=.% ',
                ">=",
                "<=",
                "1",
                "20",
                "h",
                "m",
                "ms",
                "G",
                "att",
                "é",
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=12,
).map("".join)


@given(st.one_of(st.text(), LIKELY))
def test_anything_that_can_be_typed_is_a_filter(text: str) -> None:
    found = parse_filter(text)

    assert found.shows(ROW, MOMENT) in (True, False)
    assert found.asks_time in (True, False)


@given(st.one_of(st.text(), LIKELY))
def test_an_inverted_word_shows_what_the_word_does_not(text: str) -> None:
    word = "".join(text.split()).lstrip("!")
    found = parse_filter(word)
    if len(found.terms) != 1:
        return

    assert parse_filter(f"!{word}").shows(ROW, MOMENT) is not found.shows(ROW, MOMENT)
