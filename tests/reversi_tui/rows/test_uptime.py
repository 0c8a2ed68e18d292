"""Uptime in characters: hours, days, percentages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from checker.model import Watched
from checker.rows.hours import Level, overall, strip_text
from checker.rows.row import HOURS, Share
from reversi_tui.rows.columns import SYMBOLS
from reversi_tui.rows.cutting import in_cell
from reversi_tui.rows.uptime import (
    DAYS,
    LEVEL_MEANING,
    days_chart,
    days_text,
    in_ascii,
    percent,
    runs,
)

TODAY = "2026-11-22"
SHARES = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40)


def day(number: int, share: float, *, watched_s: float = 86400.0) -> Watched:
    return Watched(day=f"2026-11-{number:02d}", up_s=share * watched_s, watched_s=watched_s)


@given(SHARES)
def test_a_strip_always_has_a_cell_for_each_hour(hours: list[Share]) -> None:
    for text in (strip_text(hours), in_ascii(strip_text(hours))):
        assert len(text) == cell_len(text) == HOURS
    assert in_ascii(strip_text(hours)).isascii()
    assert "".join(found * length for found, length in runs(hours)) == strip_text(hours)


def test_equal_hours_are_one_run() -> None:
    assert runs((1.0,) * 20 + (0.0,) * 4) == [(Level.FULL, 20), (Level.NONE, 4)]


def test_levels_differ_without_colour_and_without_unicode() -> None:
    assert len({in_ascii(found) for found in Level}) == len(Level)
    assert "".join(in_ascii(found) for found in Level) == "_-=+#."
    assert set(LEVEL_MEANING) == set(Level)


def test_the_console_has_all_its_symbols_in_ascii_too() -> None:
    symbols = [in_ascii(symbol) for symbol in SYMBOLS.values()]

    assert all(symbol.isascii() for symbol in symbols)
    assert len(set(symbols)) == len(symbols)
    assert in_ascii(in_cell("abcdef", 4)) == "abc~"


def test_the_share_of_the_hours_that_were_watched() -> None:
    assert overall((None, 1.0, 0.5, None)) == 0.75
    assert overall((None,)) is None


def test_a_chart_has_a_bar_for_each_day() -> None:
    days = [day(22, 1.0), day(21, 0.5), day(20, 0.0), day(18, 0.9)]

    assert days_chart(days, TODAY, 35) == (
        "100%" + " " * 26 + "▅   █",
        " " * 30 + "█  ▄█",
        "  0%" + " " + "·" * 25 + "█·×██",
        "     10-24                    11-22",
    )


def test_a_chart_of_one_line_has_no_scale() -> None:
    assert days_chart([day(22, 0.5)], TODAY, 35, height=1)[0] == " " * 5 + "·" * 29 + "▄"


def test_a_bar_is_full_only_for_a_day_that_was() -> None:
    assert days_chart([day(22, 0.99)], TODAY, 35)[0].endswith("▇")
    assert days_chart([day(22, 0.001)], TODAY, 35)[2].endswith("▁")


@pytest.mark.parametrize(
    "ascii_only", [pytest.param(False, id="unicode"), pytest.param(True, id="ascii")]
)
@pytest.mark.parametrize("width", [1, 6, 20, 34, 54, 80, 106, 200])
def test_a_chart_keeps_to_its_width(width: int, *, ascii_only: bool) -> None:
    days = [day(number, number / 22) for number in range(1, 23)]

    lines = days_chart(days, TODAY, width, ascii_only=ascii_only)

    assert max(map(len, lines)) <= max(width, 10)
    assert not ascii_only or "".join(lines).isascii()


def test_the_days_are_told_in_a_sentence() -> None:
    days = [day(22, 1.0), day(21, 0.5), Watched(day="2026-01-01", up_s=0.0, watched_s=9.0)]

    assert (
        days_text(days, TODAY)
        == "up 75.0 % of the watched time; worst day 2026-11-21 with 50.0 %; no daemon"
        f" watched on {DAYS - 2} of {DAYS} days"
    )
    assert days_text([], TODAY) == "no daemon watched in the last 30 days"


def test_a_percentage_is_not_rounded_up_to_all() -> None:
    assert (percent(0.99999), percent(1.0), percent(0.0)) == ("99.9 %", "100.0 %", "0.0 %")
