from __future__ import annotations

import pytest

from checker.model import Status
from reversi_tui.columns import BY_ID, COLUMNS, SYMBOLS, UnknownColumn, column_named, cut, fitted
from reversi_tui.rows import Moment, Row, age_text
from tests.tui.states import NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=20.0)


def row(status: Status = Status.UP, *, pid: int | None = 4000, detail: str = "SSH-2.0") -> Row:
    return Row(forward=forward("attic", 20010), seen=tunnel("attic", 20010, status, pid=pid, detail=detail))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-5, "<1m", id="a clock that ran ahead"),
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
        pytest.param("status", "• up", id="status"),
        pytest.param("probe", "<1m", id="probe"),
        pytest.param("answer", "SSH-2.0", id="answer"),
        pytest.param("latency", "42ms", id="latency"),
        pytest.param("pid", "4000", id="pid"),
        pytest.param("peer", "203.0.113.7:40022", id="peer"),
        pytest.param("since", "2h", id="since"),
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

    assert BY_ID["probe"].text(row(status), later) == "stale 5m"


def test_every_status_has_a_symbol_of_its_own() -> None:
    assert len(set(SYMBOLS.values())) == len(Status)


def test_text_from_a_device_is_escaped() -> None:
    hostile = row(detail="\x1b]0;owned\x07[bold]x[/]\u202e")

    shown = BY_ID["answer"].text(hostile, MOMENT)

    assert shown == "\\x1b]0;owned\\x07[bold]x[/]\\u202e"


def test_latency_sorts_by_number_and_status_worst_first() -> None:
    assert BY_ID["latency"].sort_value(row()) == (42.0,)
    assert BY_ID["status"].sort_value(row(Status.HUNG)) < BY_ID["status"].sort_value(row(Status.UP))  # type: ignore[operator]


@pytest.mark.parametrize("width", [20, 40, 59, 60, 79, 80, 120, 200])
def test_columns_fit_the_width_in_their_order(width: int) -> None:
    places = fitted(width)

    assert sum(place.width + 1 for place in places) - 1 <= width
    assert [place.column.id for place in places] == [c.id for c in COLUMNS if c.id in {place.column.id for place in places}]


def test_a_terminal_of_60_keeps_what_an_operator_needs_most() -> None:
    assert [place.column.id for place in fitted(59)] == ["node", "port", "status", "probe", "pid", "since"]


def test_a_wide_terminal_shows_every_column() -> None:
    assert len(fitted(200)) == len(COLUMNS)


def test_short_names_leave_their_room_to_others() -> None:
    assert fitted(120, longest_name=5)[0].width == 10


def test_cut_fills_or_cuts_to_the_width() -> None:
    assert cut("abc", 5) == "abc  "
    assert cut("abc", 5, right=True) == "  abc"
    assert cut("abcdef", 5) == "abcd…"


def test_a_column_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UnknownColumn, match="there is no column 'colour'; columns are: node, port"):
        column_named("colour")
