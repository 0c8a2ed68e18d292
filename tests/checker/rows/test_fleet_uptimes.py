"""How much of the time a forward was up at any gateway of a fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import NodeName, Port, Status, Tunnel, Watched
from checker.rows.fleet_uptimes import (
    Told,
    Watch,
    changes_of,
    days_of,
    lately_of,
    lately_up,
    watch_of,
)
from checker.rows.uptimes import DAY_S, Change, start_of

LOST, BACK, LATER = Change(100.0, "up", "down"), Change(103.0, "down", "up"), 500.0
UP_DAY, DOWN_DAY = ("2026-11-20", 80_000.0, 86_400.0), ("2026-11-20", 0.0, 86_400.0)
STAYED = Watch((UP_DAY,))


@pytest.mark.parametrize(
    ("watches", "changes"),
    [
        pytest.param([Watch((UP_DAY,), (LOST, BACK))], [LOST, BACK], id="one gateway"),
        pytest.param([Watch((), (LOST,)), Watch((), (BACK,))], [LOST, BACK], id="it moved"),
        pytest.param([Watch((), (LOST, BACK)), STAYED], [], id="up at the other one meanwhile"),
        pytest.param([Watch((), (LOST,)), Watch((DOWN_DAY,))], [LOST], id="never at the other one"),
        pytest.param(
            [
                Watch((), (LOST,)),
                Watch((), (Change(60.0, "down", "up"), Change(LATER, "", "down"))),
            ],
            [Change(LATER, "up", "down")],
            id="moved without a gap, killed there",
        ),
        pytest.param(
            [Watch((), (Change(90.0, "unknown", "down"),)), Watch((), (LOST,))],
            [LOST],
            id="new at one, lost at the other",
        ),
        pytest.param(
            [Watch((), (Change(90.0, "up", "hung"),)), Watch((DOWN_DAY,))],
            [Change(90.0, "up", "hung")],
            id="hung where it is",
        ),
    ],
)
def test_it_is_lost_if_no_gateway_has_it(watches: list[Watch], changes: list[Change]) -> None:
    assert changes_of(watches) == changes


def test_no_second_counts_twice() -> None:
    first = Watch((("2026-11-20", 40_000.0, 86_400.0), ("2026-11-21", 86_400.0, 86_400.0)))
    second = Watch((("2026-11-20", 40_000.0, 50_000.0), ("2026-11-21", 86_400.0, 86_400.0)))

    assert days_of([first, second]) == [
        ("2026-11-20", 80_000.0, 86_400.0),
        ("2026-11-21", 86_400.0, 86_400.0),
    ]
    assert lately_of([None, Watched("", 10.0, 20.0), Watched("", 15.0, 20.0)]) == Watched(
        "", 20.0, 20.0
    )
    assert lately_of([None]) is None


SINCE = start_of("2026-11-20")
SPAN = (SINCE, SINCE + 3 * DAY_S)
MOVED_AT = SINCE + 1.5 * DAY_S
HERE = Tunnel(node=NodeName("barn"), port=Port(20011), status=Status.UP, since=MOVED_AT)
CAME, WENT = Change(MOVED_AT, "down", "up"), Change(MOVED_AT, "up", "down")


@pytest.mark.parametrize(
    ("told", "days"),
    [
        pytest.param(
            Told((CAME,), HERE, SINCE, SPAN[1]),
            [("2026-11-21", 43_200.0, 0.0), ("2026-11-22", 86_400.0, 0.0)],
            id="it came",
        ),
        pytest.param(
            Told((WENT,), None, SINCE, SPAN[1]),
            [("2026-11-20", 86_400.0, 0.0), ("2026-11-21", 43_200.0, 0.0)],
            id="it went",
        ),
        pytest.param(
            Told((WENT,), None, SINCE + DAY_S, SPAN[1]),
            [("2026-11-21", 43_200.0, 0.0)],
            id="it went, and older events are missing",
        ),
        pytest.param(
            Told((), HERE, SINCE, MOVED_AT + 600.0),
            [("2026-11-21", 600.0, 0.0)],
            id="the gateway was not heard any more",
        ),
        pytest.param(
            Told((), replace(HERE, since=SINCE - 9e9), SPAN[1] - 5.0, SPAN[1]),
            [(day, 86_400.0, 0.0) for day in ("2026-11-20", "2026-11-21", "2026-11-22")],
            id="up all the time",
        ),
        pytest.param(
            Told((), replace(HERE, status=Status.DOWN), SINCE, SPAN[1]), [], id="never there"
        ),
    ],
)
def test_days_follow_from_events_if_a_gateway_tells_no_sums(
    told: Told, days: list[tuple[str, float, float]]
) -> None:
    assert list(watch_of(told, *SPAN).days) == days
    assert lately_up(told, *SPAN).up_s == sum(up_s for _, up_s, _ in days)


SECONDS = st.floats(0, 86_400)
DAYS = st.lists(
    st.tuples(st.sampled_from(["2026-11-20", "2026-11-21"]), SECONDS, SECONDS),
    max_size=2,
    unique_by=lambda day: day[0],
)


@settings(max_examples=50)
@given(days=st.lists(DAYS, min_size=1, max_size=3))
def test_it_was_never_up_for_longer_than_watched(
    days: list[list[tuple[str, float, float]]],
) -> None:
    found = days_of(Watch(tuple(each)) for each in days)

    assert all(up_s <= watched_s for _, up_s, watched_s in found)
    assert found == sorted(found)
