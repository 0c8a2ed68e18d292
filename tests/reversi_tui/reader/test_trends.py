"""The last latencies of each forward, as the reader keeps them."""

from __future__ import annotations

import math
from dataclasses import replace

from checker.model import NodeName, Port, Status
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
    assert trends.of((NodeName("cellar"), Port(20012))) == ()
