"""The columns: texts, sort values, and which of them fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import NodeName, Port, Status, Unregistered, parse_expect
from checker.rows.cells import bytes_text
from checker.rows.fields import FIELDS
from checker.rows.row import Known, Moment, Row, age_text
from reversi_tui.rows.columns import (
    BY_ID,
    COLUMNS,
    SYMBOLS,
    Column,
    UnknownColumn,
    column_named,
)
from tests.reversi_tui.console.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)


def row(
    status: Status = Status.UP,
    *,
    pid: int | None = 4000,
    detail: str = "SSH-2.0",
    port: int = 20010,
) -> Row:
    seen = replace(
        tunnel("attic", port, status, pid=pid, detail=detail), kills=3, bytes_total=1_240_000_000
    )
    known = Known(
        instance="brave-otter", client="reversi-client/1.0", flaps=2, hours=(0.0, 1.0), week=0.9998
    )
    return Row(forward=forward("attic", port), seen=seen, known=known)


def folded(*statuses: Status) -> Row:
    members = tuple(row(status, port=20010 + place) for place, status in enumerate(statuses))
    return replace(members[0], seen=replace(members[0].seen, port=Port(0)), members=members)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-5, "<1m", id="a clock that ran ahead"),
        pytest.param(-6, "future", id="a clock that was set back"),
        pytest.param(0, "<1m", id="now"),
        pytest.param(59.9, "<1m", id="under a minute"),
        pytest.param(60, "1m", id="a minute"),
        pytest.param(3599, "59m", id="under an hour"),
        pytest.param(3600, "1h", id="an hour"),
        pytest.param(47.9 * 3600, "47h", id="under two days"),
        pytest.param(48 * 3600, "2d", id="two days"),
    ],
)
def test_ages_are_coarse(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        pytest.param("node", "attic", id="node"),
        pytest.param("port", "20010", id="port"),
        pytest.param("target", "127.0.0.1:22", id="target"),
        pytest.param("status", "● up", id="status"),
        pytest.param("probe", "<1m", id="probe"),
        pytest.param("answer", "SSH-2.0", id="answer"),
        pytest.param("latency", "42ms", id="latency"),
        pytest.param("pid", "4000", id="pid"),
        pytest.param("peer", "203.0.113.7:40022", id="peer"),
        pytest.param("since", "2h", id="since"),
        pytest.param("expect", "banner:SSH-2.0", id="expect"),
        pytest.param("instance", "brave-otter", id="instance"),
        pytest.param("client", "reversi-client/1.0", id="client"),
        pytest.param("flaps", "2", id="flaps"),
        pytest.param("kills", "3", id="kills"),
        pytest.param("bytes", "1.2G", id="bytes"),
        pytest.param("day", "·" * 22 + "█_", id="day"),
    ],
)
def test_each_column_says_what_was_seen(column: str, text: str) -> None:
    assert BY_ID[column].text(row(), MOMENT) == text


def test_what_is_not_known_is_blank_and_sorts_as_unknown() -> None:
    unseen = Row(forward=None, seen=tunnel("attic", 20010, pid=None))

    assert BY_ID["pid"].text(unseen, MOMENT) == ""
    assert BY_ID["pid"].sort_value(unseen) is None
    assert BY_ID["target"].text(unseen, MOMENT) == "..."


@pytest.mark.parametrize("status", list(Status))
def test_a_stale_row_says_so_with_its_age_whatever_its_status(status: Status) -> None:
    later = Moment(now=NOW + 300, every_s=20.0)

    assert BY_ID["status"].text(row(status), later) == "z stale 5m"
    assert BY_ID["probe"].text(row(status), later) == "5m"


def test_a_row_that_is_out_on_purpose_is_not_probed() -> None:
    seen = replace(row(Status.UNKNOWN).seen, probed_at=None)

    assert BY_ID["probe"].text(replace(row(), seen=seen), MOMENT) == "never"
    assert BY_ID["probe"].text(replace(row(), seen=seen, barred="disabled"), MOMENT) == ""


def test_a_row_from_the_future_is_stale_and_says_so() -> None:
    earlier = Moment(now=NOW - 3600, every_s=20.0)

    assert BY_ID["status"].text(row(), earlier) == "z future"
    assert BY_ID["probe"].text(row(), earlier) == "future"


def test_every_status_has_a_symbol_of_its_own() -> None:
    assert len(set(SYMBOLS.values())) == len(Status)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        pytest.param("port", "3 ports", id="port"),
        pytest.param("target", "...", id="target"),
        pytest.param("expect", "", id="expect"),
        pytest.param("answer", "1 hung 2 up", id="answer"),
        pytest.param("kills", "9", id="kills"),
        pytest.param("bytes", "1.2G", id="bytes of the one connection"),
    ],
)
def test_folded_rows_are_told_together(column: str, text: str) -> None:
    assert BY_ID[column].text(folded(Status.UP, Status.HUNG, Status.UP), MOMENT) == text


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(Status.DOWN, "‖ disabled", id="down"),
        pytest.param(Status.UNKNOWN, "‖ disabled", id="as the daemon has it"),
        pytest.param(Status.UP, "● up", id="still there"),
    ],
)
def test_why_a_node_may_not_listen_stands_where_nobody_does(status: Status, text: str) -> None:
    assert BY_ID["status"].text(replace(row(status), barred="disabled"), MOMENT) == text


@pytest.mark.parametrize("name", ["pid", "sshd", " PID ", "SSHD"])
def test_a_column_is_known_by_its_id_and_by_its_title(name: str) -> None:
    assert column_named(name).id == "pid"


def test_a_node_that_the_registry_does_not_know_is_marked() -> None:
    found = Unregistered(
        node=NodeName("stray"),
        port=Port(20099),
        expect=parse_expect("http"),
        first_at=NOW,
        last_at=NOW,
    )
    stray = Row(forward=found.forward, seen=tunnel("stray", 20099), unregistered=True)

    assert BY_ID["node"].text(stray, MOMENT) == "stray*"
    assert BY_ID["target"].text(stray, MOMENT) == "unregistered"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        pytest.param(None, "", id="not known"),
        pytest.param(0, "0", id="none"),
        pytest.param(999, "999", id="under a thousand"),
        pytest.param(1000, "1.0k", id="a thousand"),
        pytest.param(9_960, "10k", id="ten thousand"),
        pytest.param(999_600, "1.0M", id="rounded to the next unit"),
        pytest.param(123_000_000, "123M", id="millions"),
        pytest.param(5e15, "5P", id="more than anyone has"),
    ],
)
def test_sizes_are_short(count: float | None, text: str) -> None:
    assert bytes_text(count) == text


def test_ages_are_numbers_of_seconds_for_a_filter() -> None:
    assert {each.id: each.number(row(), MOMENT) for each in FIELDS if each.number} == {
        "port": 20010,
        "probe": 5.0,
        "day": 50.0,
        "latency": 42.0,
        "pid": 4000,
        "since": 7200.0,
        "flaps": 2,
        "kills": 3,
        "bytes": 1_240_000_000,
        "week": 99.98,
        "month": None,
        "rate": None,
    }


@given(st.text(min_size=1))
def test_no_text_of_a_device_gets_into_a_cell_as_it_is(text: str) -> None:
    seen = replace(tunnel("attic", 20010, detail=text), peer=text, node=NodeName(text))
    known = Known(instance=text, client=text)
    hostile = Row(
        forward=replace(forward("attic", 20010), expect=parse_expect(f"banner:a{text}")),
        seen=seen,
        known=known,
    )

    for column in COLUMNS:
        if column.id not in ("day", "status"):
            assert all(" " <= letter <= "~" for letter in column.text(hostile, MOMENT)), column.id


def test_text_from_a_device_is_escaped() -> None:
    hostile = row(detail="\x1b]0;owned\x07[bold]x[/]\u202e")

    shown = BY_ID["answer"].text(hostile, MOMENT)

    assert shown == "\\x1b]0;owned\\x07[bold]x[/]\\u202e"


def test_latency_sorts_by_number_and_status_worst_first() -> None:
    assert BY_ID["latency"].sort_value(row()) == 42.0
    assert BY_ID["status"].sort_value(row(Status.HUNG)) < BY_ID["status"].sort_value(row(Status.UP))  # type: ignore[operator]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.id)
def test_no_title_loses_the_arrow_of_the_order(column: Column) -> None:
    assert column.least > len(column.title)


def test_an_unknown_column_is_refused_by_name() -> None:
    with pytest.raises(UnknownColumn, match="there is no column 'colour'; columns are: node, port"):
        column_named("colour")
