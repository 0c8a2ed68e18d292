"""The last latencies and rates of each forward, as the reader keeps them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from checker.model import NodeName, Port, ProcessId, Status, Tunnel
from checker.rows.row import Key
from checker.rows.trend import SAMPLES
from reversi_tui.reader.trends import Trends
from tests.reversi_tui.console.states import NOW, tunnel

KEY = (NodeName("attic"), Port(20010))
SEEN = tunnel("attic", 20010, Status.UP)


def test_each_probe_adds_one_latency_and_only_the_last_60_are_kept() -> None:
    trends, before = Trends(), SEEN
    for number in range(SAMPLES + 5):
        now = replace(SEEN, probed_at=NOW + number, latency_ms=float(number))
        trends.take([now], {KEY: before})
        trends.take([replace(now, verdict=1)], {KEY: now})
        before = now

    assert list(trends.of(KEY)) == [float(number) for number in range(5, SAMPLES + 5)]


def test_a_probe_without_an_answer_has_its_place() -> None:
    trends = Trends()

    trends.take([SEEN, tunnel("barn", 20011, Status.DOWN), replace(SEEN, probed_at=None)], {})

    assert list(trends.of(KEY)) == [42.0]
    assert all(map(math.isnan, trends.of((NodeName("barn"), Port(20011)))))
    assert len(trends.of((NodeName("barn"), Port(20011)))) == 1
    assert not trends.of((NodeName("cellar"), Port(20012)))


def counted(at: float, count: int | None, pid: int = 4000) -> Tunnel:
    """The row, probed so many seconds later, with so many bytes through its connection."""
    session = None if count is None else ProcessId(pid=pid, start_ticks=777)
    return replace(SEEN, probed_at=NOW + at, bytes_total=count, session=session)


@pytest.mark.parametrize(
    ("seen", "rates"),
    [
        pytest.param([(0, 100)], [], id="one count says nothing"),
        pytest.param([(0, 100), (20, 2100), (40, 2100)], [100.0, 0.0], id="two do"),
        pytest.param([(0, 100), (2, 100), (20, 2100)], [100.0], id="a probe soon after"),
        pytest.param(
            [(0, 0), (20, 2000), (40, 200), (60, 2200)], [100.0, None, 100.0], id="a count fell"
        ),
        pytest.param(
            [(0, 0), (20, 2000), (40, 9000, 4001), (60, 11000, 4001)],
            [100.0, None, 100.0],
            id="another connection",
        ),
        pytest.param(
            [(0, 0), (20, 2000), (40, None), (60, 500), (80, 2500)],
            [100.0, None, None, 100.0],
            id="down meanwhile",
        ),
        pytest.param([(0, None), (20, None), (40, 7)], [], id="never counted before"),
        pytest.param([(40, 0), (0, 100), (20, 2100)], [100.0], id="the clock was set back"),
    ],
)
def test_a_rate_is_what_one_connection_carried_since_the_last_count(
    seen: list[tuple[float, int | None]], rates: list[float | None]
) -> None:
    trends, before = Trends(), dict[Key, Tunnel]()
    for each in seen:
        now = counted(*each)
        trends.take([now], before)
        before = {KEY: now}

    found = [None if math.isnan(rate) else rate for rate in trends.rates_of(KEY)]
    assert found == rates


def test_only_the_last_60_rates_are_kept() -> None:
    trends = Trends()
    for number in range(SAMPLES + 9):
        trends.take([counted(20 * number, 20 * number * number)], {})

    assert len(trends.rates_of(KEY)) == SAMPLES
    assert trends.rates_of(KEY)[-1] == 2 * (SAMPLES + 8) - 1
