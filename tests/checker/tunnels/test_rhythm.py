"""When a beat is overdue, and what the daemon hears of it."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import ProcessId
from checker.tunnels.rhythm import FEWEST_BEATS, INTERVALS_KEPT, Rhythm, after_beat
from checker.tunnels.rhythms import EARLY_S, Rhythms
from checker.tunnels.round_trips import KEPT_S, RoundTrips, with_trip, worst_s
from tests.strategies import NOW, SESSION


def beaten(*times: float) -> Rhythm:
    rhythm = None
    for at in times:
        rhythm = after_beat(rhythm, at)
    assert rhythm is not None
    return rhythm


@pytest.mark.parametrize(
    ("times", "overdue_at"),
    [
        pytest.param((0, 10), inf, id="two beats"),
        pytest.param((0, 10, 20), 33.0, id="a tenth and two seconds late"),
        pytest.param((0, 10, 28), 49.8, id="against the longest"),
        pytest.param((0, 30, 40, 50, 60, 70, 80), 93.0, id="of the last five intervals"),
        pytest.param((0, 10, 20, 20), 33.0, id="the same beat read twice"),
        pytest.param((5000, 5010, 5020, 10, 20), inf, id="after the clock was set back"),
    ],
)
def test_a_beat_is_overdue_against_the_longest_of_the_last_five_intervals(
    times: tuple[float, ...], overdue_at: float
) -> None:
    assert beaten(*times).overdue_at == pytest.approx(overdue_at)


@given(st.lists(st.floats(0.1, 3600), min_size=1, max_size=20))
@settings(max_examples=50)
def test_beats_as_far_apart_as_before_are_never_overdue(intervals_s: list[float]) -> None:
    times = [NOW]
    for interval_s in intervals_s:
        times.append(times[-1] + interval_s)
    rhythm = beaten(*times)
    kept = intervals_s[-INTERVALS_KEPT:]

    is_known = len(times) >= FEWEST_BEATS
    assert (rhythm.overdue_at == inf) is not is_known
    assert rhythm.is_beating(times[-1] + 1.1 * max(kept) + 1.9) is is_known


def known(*times: float) -> Rhythms:
    rhythms = Rhythms()
    for at in times:
        rhythms.take_all({SESSION: at})
    return rhythms


def test_a_late_beat_is_told_once_until_the_next_one() -> None:
    rhythms = known(0, 10, 20)

    assert not rhythms.doubt(33 - EARLY_S - 0.1)
    assert rhythms.doubt(33 - EARLY_S) == {SESSION}
    assert not rhythms.doubt(60)
    rhythms.take({SESSION: 61})
    assert not rhythms.doubt(62)
    assert rhythms.doubt(61 + 1.1 * 41 + 2) == {SESSION}


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3), st.booleans()), max_size=60))
@settings(max_examples=50)
def test_no_late_beat_is_overlooked_however_many_connections_there_are(
    steps: list[tuple[int, int, bool]],
) -> None:
    rhythms, told, now = Rhythms(), set[ProcessId](), 0.0
    for pause_s, number, beats in steps:
        now += pause_s
        session = ProcessId(pid=number, start_ticks=1)
        if beats:
            rhythms.take({session: now})
            told.discard(session)
        known = rhythms.known.items()
        late = {one for one, rhythm in known if rhythm.overdue_at - EARLY_S <= now} - told

        assert rhythms.doubt(now) == late
        told |= late


def test_a_connection_in_doubt_does_not_count_as_beating_so_it_is_probed_as_often_as_others() -> (
    None
):
    rhythms = known(0, 10, 20)

    assert rhythms.is_beating(SESSION, 33 - EARLY_S - 0.1)
    assert rhythms.doubt(33 - EARLY_S) == {SESSION}
    assert not rhythms.is_beating(SESSION, 33 - EARLY_S)


def test_a_connection_whose_beats_ended_is_told_once() -> None:
    rhythms = known(0, 10, 20)

    rhythms.take_all({})

    assert rhythms.doubt(21) == {SESSION}
    assert not rhythms.doubt(100)
    assert not rhythms.is_beating(SESSION, 21)


def test_a_connection_without_a_rhythm_neither_beats_nor_is_overdue() -> None:
    rhythms = known(0, 10)

    for session in (None, SESSION):
        assert not rhythms.is_beating(session, 11)
        assert rhythms.beating(session, 1e6).overdue_s == -inf


def test_the_worst_round_trip_of_ten_minutes_is_kept() -> None:
    trips = with_trip(with_trip(with_trip((), 3.0, 0.0), 0.1, 10.0), 0.2, 20.0)

    assert worst_s(trips, 20.0) == 3.0
    assert worst_s(trips, KEPT_S + 1) == 0.2
    assert worst_s(trips, KEPT_S + 21) == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=40))
@settings(max_examples=50)
def test_no_round_trip_of_the_last_ten_minutes_is_forgotten(
    steps: list[tuple[float, float]],
) -> None:
    trips: RoundTrips = ()
    now, all_trips = 0.0, []
    for pause_s, took_s in steps:
        now += pause_s
        trips = with_trip(trips, took_s, now)
        all_trips.append((now, took_s))

    wanted = max((s for at, s in all_trips if now - at <= KEPT_S), default=0.0)
    assert worst_s(trips, now) == wanted


@pytest.mark.parametrize(
    ("times", "steady"),
    [
        pytest.param((0, 10), 0, id="nothing to compare with"),
        pytest.param((0, 10, 20, 30), 2, id="in time"),
        pytest.param((0, 10, 20, 29, 40), 3, id="as jitter has it"),
        pytest.param((0, 10, 20, 33), 0, id="three seconds late"),
        pytest.param((0, 10, 20, 33, 40, 50), 2, id="in time again"),
    ],
)
def test_beats_that_come_in_time_are_counted(times: tuple[float, ...], steady: int) -> None:
    assert beaten(*times).steady == steady
