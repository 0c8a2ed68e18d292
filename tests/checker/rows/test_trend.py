"""The last latencies as small bars."""

from __future__ import annotations

import math

import pytest

from checker.rows.trend import trend_text


@pytest.mark.parametrize(
    ("latencies", "text"),
    [
        pytest.param((), "", id="not probed yet"),
        pytest.param((40.0, 40.0, 41.0), "▁▁▁", id="steady"),
        pytest.param((40.0, 80.0), "▁█", id="twice the fastest"),
        pytest.param((10.0, 80.0, 45.0), "▁█▄", id="far slower"),
        pytest.param((40.0, math.nan, 40.0), "▁×▁", id="no answer once"),
        pytest.param((math.nan, math.nan), "××", id="no answer at all"),
        pytest.param((0.0, 0.2), "▁▂", id="on this machine"),
    ],
)
def test_bars_rise_from_the_fastest_answer(latencies: tuple[float, ...], text: str) -> None:
    assert trend_text(latencies) == text
