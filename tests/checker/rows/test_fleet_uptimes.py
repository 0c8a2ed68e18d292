"""How much of the time a forward was up at any gateway of a fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import NodeName, Port, Status, Tunnel, Watched
from checker.rows.fleet_uptimes import (
    HOURS_LATE_S,
    Pair,
    Told,
    Watch,
    changes_of,
    days_of,
    lately_of,
    lately_up,
    up_at_all,
    watch_of,
    with_late,
)
from checker.rows.uptimes import DAY_S, Change, start_of

LOST, BACK, LATER = Change(100.0, "up", "down"), Change(103.0, "down", "up"), 500.0
NEVER_LATE = "9999"
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

    assert days_of([first, second], NEVER_LATE) == [
        ("2026-11-20", 80_000.0, 86_400.0),
        ("2026-11-21", 86_400.0, 86_400.0),
    ]
    each = [None, Watched("", 10.0, 20.0), Watched("", 15.0, 20.0)]
    assert lately_of([(one, 0.0) for one in each]) == Watched("", 20.0, 20.0)
    assert lately_of([(None, 9.0)]) is None


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


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        pytest.param((0.0, 3600.0), ((3000.0, 3000.0), 9e9), 3600.0, id="the rest was up, too"),
        pytest.param((0.0, 3600.0), ((3000.0, 3000.0), 0.0), 3000.0, id="it is not up now"),
        pytest.param((0.0, 3600.0), ((0.0, 3000.0), 200.0), 200.0, id="it came just now"),
        pytest.param((0.0, 3600.0), ((0.0, 0.0), 9e9), 900.0, id="late, but not so late"),
        pytest.param((1800.0, 3600.0), ((1800.0, 1800.0), 0.0), 3600.0, id="it moved here"),
        pytest.param((1800.0, 3600.0), ((1500.0, 3300.0), 1790.0), 3600.0, id="it moved there"),
        pytest.param((0.0, 3600.0), ((1800.0, 3600.0), 1800.0), 1800.0, id="it was down before"),
    ],
)
def test_what_a_gateway_has_not_told_yet_counts_as_up_if_it_is_up_there(
    here: Pair, there: tuple[Pair, float], found: float
) -> None:
    assert up_at_all(with_late([(here, 0.0), there], HOURS_LATE_S)) == (found, 3600.0)


def test_a_day_of_which_no_sums_came_yet_has_just_begun() -> None:
    own = Watch((("2026-11-21", 0.0, 1800.0),))
    there = Watch((UP_DAY,), (), up_for_s=9e9)

    assert days_of([own, there], "2026-11-20")[-1] == ("2026-11-21", 1800.0, 1800.0)
    assert days_of([own, there], NEVER_LATE)[-1] == ("2026-11-21", 0.0, 1800.0)


def test_events_count_only_for_days_without_sums() -> None:
    told = Told((), replace(HERE, since=SINCE - 9e9), SPAN[1] - 5.0, SPAN[1])
    sums = [("2026-11-21", 7.0, 9.0), ("2026-11-22", 8.0, 9.0)]

    watch = watch_of(told, *SPAN, sums, [day for day, _, _ in sums])

    assert list(watch.days) == [("2026-11-20", 86_400.0, 0.0), *sums]
    assert watch.up_for_s > DAY_S
    assert watch_of(told, *SPAN).up_for_s == 0


SECONDS = st.floats(0, 86_400)
DAYS = st.lists(
    st.tuples(st.sampled_from(["2026-11-20", "2026-11-21"]), SECONDS, SECONDS),
    max_size=2,
    unique_by=lambda day: day[0],
)


@settings(max_examples=50)
@given(days=st.lists(st.tuples(DAYS, SECONDS), min_size=1, max_size=3))
def test_it_was_never_up_for_longer_than_watched(
    days: list[tuple[list[tuple[str, float, float]], float]],
) -> None:
    found = days_of([Watch(tuple(each), (), for_s) for each, for_s in days], "2026-11-21")

    assert all(up_s <= watched_s for _, up_s, watched_s in found)
    assert found == sorted(found)
