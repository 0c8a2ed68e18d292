"""How long a probe waits, and how much silence proves a tunnel dead."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import Flow, Policy
from checker.tunnels.pace import (
    LONGEST_DEADLINE_S,
    LONGEST_SILENCE_S,
    PROVEN,
    PROVEN_SLOWLY,
    Pace,
    answered,
    came_late,
    deadline,
    hurried_deadline,
    hurried_silence,
    is_proven,
    reconnected,
    silence_needed,
    with_beat,
)

POLICY = Policy()
paces = st.builds(
    Pace,
    longest_s=st.floats(0, 100),
    grown_s=st.floats(0, LONGEST_DEADLINE_S),
    fast=st.integers(0, 100),
)


def kernel(rtt_s: float, varies_s: float = 0.0) -> Flow:
    return Flow(acked=0, received=0, heard_ago_s=0.0, rtt_s=rtt_s, rtt_varies_s=varies_s)


@pytest.mark.parametrize(
    ("pace", "flow", "deadline_s"),
    [
        pytest.param(Pace(), None, 5.0, id="nothing known"),
        pytest.param(Pace(longest_s=0.05), kernel(0.04, 0.01), 5.0, id="fast"),
        pytest.param(Pace(longest_s=2.0), None, 5.5, id="2 s"),
        pytest.param(Pace(longest_s=6.0), None, 11.5, id="6 s"),
        pytest.param(Pace(longest_s=16.0), None, 20.0, id="no longer than the longest"),
        pytest.param(Pace(grown_s=10.0), None, 10.0, id="an answer came late"),
        pytest.param(Pace(), kernel(6.0), 14.5, id="the kernel knows a round trip of 6 s"),
        pytest.param(Pace(), kernel(1.0, 1.0), 8.5, id="the kernel knows one that varies"),
    ],
)
def test_the_deadline_follows_the_link(pace: Pace, flow: Flow | None, deadline_s: float) -> None:
    assert deadline(5.0, pace, flow) == deadline_s


@given(
    st.floats(0.5, 60), paces, st.none() | st.builds(kernel, st.floats(0, 100), st.floats(0, 100))
)
def test_the_deadline_keeps_its_bounds(configured_s: float, pace: Pace, flow: Flow | None) -> None:
    assert (
        configured_s <= deadline(configured_s, pace, flow) <= max(configured_s, LONGEST_DEADLINE_S)
    )


def test_a_late_answer_doubles_the_deadline_and_answers_in_time_shrink_it_again() -> None:
    pace, grown = Pace(), []

    for _ in range(3):
        pace = came_late(pace, deadline(5.0, pace, None))
        grown.append(deadline(5.0, pace, None))
    for _ in range(60):
        pace = answered(pace, 0.05)

    assert grown == [10.0, 20.0, 20.0]
    assert deadline(5.0, pace, None) == 5.0


@pytest.mark.parametrize(
    ("pace", "flow", "login_s", "proven"),
    [
        pytest.param(Pace(fast=PROVEN_SLOWLY), None, None, True, id="many fast answers"),
        pytest.param(
            Pace(fast=PROVEN_SLOWLY - 1), None, 9.0, False, id="too few after a slow login"
        ),
        pytest.param(Pace(fast=PROVEN), kernel(0.04), 0.3, True, id="a fast login, and some"),
        pytest.param(
            Pace(fast=PROVEN - 1), kernel(0.04), 0.3, False, id="too few after a fast login"
        ),
        pytest.param(Pace(fast=PROVEN), kernel(0.5, 0.2), 0.3, False, id="the kernel knows better"),
        pytest.param(
            Pace(fast=PROVEN, longest_s=3.0), None, 0.3, False, id="a slow answer not long ago"
        ),
        pytest.param(
            reconnected(Pace(fast=500)),
            None,
            None,
            False,
            id="another connection, of which no login is known",
        ),
        pytest.param(
            reconnected(Pace(fast=500)), None, 0.3, True, id="another connection, with a fast login"
        ),
    ],
)
def test_a_link_is_fast_only_if_every_sign_says_so(
    pace: Pace, flow: Flow | None, login_s: float | None, proven: bool
) -> None:
    assert is_proven(pace, flow, login_s) is proven


@pytest.mark.parametrize(
    ("pace", "proven", "silence_s"),
    [
        pytest.param(Pace(), True, 13.0, id="fast"),
        pytest.param(Pace(), False, 24.0, id="new"),
        pytest.param(Pace(longest_s=12.0), False, 27.0, id="slow"),
        pytest.param(
            Pace(longest_s=60.0), False, LONGEST_SILENCE_S, id="no longer than the longest"
        ),
    ],
)
def test_a_new_or_slow_link_may_be_silent_for_longer(
    pace: Pace, proven: bool, silence_s: float
) -> None:
    assert silence_needed(5.0, POLICY, pace, proven=proven) == pytest.approx(silence_s)


def test_beats_in_time_count_as_fast_answers_but_not_for_a_slow_link() -> None:
    assert is_proven(Pace(fast=4), None, 9.0, PROVEN_SLOWLY - 4)
    assert not is_proven(Pace(fast=4), None, 9.0, PROVEN_SLOWLY - 5)
    assert not is_proven(Pace(longest_s=3.0), None, 9.0, 1000)
    assert not is_proven(Pace(), kernel(0.5, 0.2), 9.0, 1000)


def test_a_silence_is_at_least_four_of_the_worst_round_trips() -> None:
    assert silence_needed(5.0, POLICY, Pace(), proven=True, worst_s=4.0) == 16.0
    assert silence_needed(5.0, POLICY, Pace(), proven=False, worst_s=7.0) == 28.0
    assert silence_needed(5.0, POLICY, Pace(), proven=False, worst_s=20.0) == LONGEST_SILENCE_S


@pytest.mark.parametrize(
    ("worst_s", "overdue_s", "silence_s"),
    [
        pytest.param(0.05, 0.0, 8.0, id="at least eight seconds"),
        pytest.param(0.05, 3.0, 8.0, id="long overdue"),
        pytest.param(3.0, 0.0, 12.0, id="four round trips"),
        pytest.param(0.05, -4.0, 11.0, id="the silence began before the beat was overdue"),
    ],
)
def test_less_silence_is_enough_if_a_beat_is_overdue(
    worst_s: float, overdue_s: float, silence_s: float
) -> None:
    assert hurried_silence(worst_s, overdue_s) == silence_s


def test_a_silence_lasts_until_the_next_beat_would_show_life_if_that_is_soon() -> None:
    assert with_beat(13.0, -inf) == 13.0
    assert with_beat(13.0, -10.0) == 17.0
    assert with_beat(13.0, -60.0) == 20.0
    assert with_beat(24.0, -60.0) == 24.0
    assert with_beat(2.5, -10.0) == 2.5, "the admin asked for less"


@given(st.floats(0.5, 60), st.integers(1, 10), st.floats(0.5, 60))
def test_a_hurried_deadline_is_never_longer_than_configured(
    configured_s: float, strikes: int, gap_s: float
) -> None:
    policy = Policy(strikes=strikes, strike_gap_s=gap_s)

    assert min(configured_s, 1.0) <= hurried_deadline(configured_s, policy) <= configured_s
