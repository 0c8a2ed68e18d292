"""Bytes per second as small bars and a number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from checker.model import ProcessId
from checker.rows.filter import parse_filter
from checker.rows.rate import rate_text, rate_value, rates_of
from checker.rows.row import Known, Row
from tests.checker.rows.samples import MOMENT, ROW


@pytest.mark.parametrize(
    ("rates", "text"),
    [
        pytest.param((), "", id="nothing yet"),
        pytest.param((math.nan,), "", id="none known"),
        pytest.param((20.0, 80.0, 0.0), "▁▁▁    0/s", id="beats and probes only"),
        pytest.param((1000.0, 1000.0), "██ 1.0k/s", id="traffic"),
        pytest.param((0.0, 5e6, 2.5e6), "▁█▄ 2.5M/s", id="a transfer"),
        pytest.param((5e6, math.nan, 5e6), "█·█ 5.0M/s", id="another connection meanwhile"),
        pytest.param((5e6, math.nan), "█·", id="unknown now"),
    ],
)
def test_bars_rise_with_the_bytes(rates: tuple[float, ...], text: str) -> None:
    assert rate_text(rates) == text


def member(pid: int, *rates: float) -> Row:
    session = ProcessId(pid=pid, start_ticks=1)
    return replace(ROW, seen=replace(ROW.seen, session=session), known=Known(rates=rates))


def test_folded_rows_sum_up_their_connections_each_of_them_once() -> None:
    rows = (member(1, 10.0, 20.0), member(1, 10.0, 20.0), member(2, 5.0), member(3, math.nan))
    folded = replace(ROW, members=rows)

    assert rates_of(folded) == (10.0, 25.0)
    assert rate_value(folded) == 25.0
    assert rate_value(member(3, 7.0, math.nan)) is None
    assert rate_value(member(3)) is None


def test_a_filter_compares_the_newest_rate() -> None:
    row = member(1, 5e6, 2e5)

    shown = [text for text in ("rate:>100k", "rate:<1M", "rate:>1M") if shows(text, row)]

    assert shown == ["rate:>100k", "rate:<1M"]
    assert not shows("rate:>=0", member(1))


def shows(text: str, row: Row) -> bool:
    return parse_filter(text).shows(row, MOMENT)
