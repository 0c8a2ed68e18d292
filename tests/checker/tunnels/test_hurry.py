"""When less silence is enough: only if a beat is overdue, on a fast link, and never below 8 s."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import Answer, Flow, NodeName, Policy, Port, Tunnel
from checker.tunnels.observation import Observation
from checker.tunnels.pace import LEAST_SILENCE_S, LONGEST_SILENCE_S, TRIPS, Pace
from checker.tunnels.patience import Patience, Struck, Terms
from checker.tunnels.port_owner import Owner
from checker.tunnels.rhythm import Beating
from tests.strategies import FORWARD, OFFICE, PORT, SESSION

POLICY = Policy()
PLACE = (OFFICE, PORT)
ROW = Tunnel(node=OFFICE, port=PORT, session=SESSION)
NOW = 10_000.0
paces = st.builds(Pace, longest_s=st.floats(0, 2), grown_s=st.floats(0, 2), fast=st.integers(0, 30))
beatings = st.builds(Beating, overdue_s=st.floats(-100, 100), steady=st.integers(0, 30))
flows = st.none() | st.builds(
    Flow,
    acked=st.just(0),
    received=st.just(0),
    heard_ago_s=st.just(20.0),
    rtt_s=st.floats(0, 1),
    rtt_varies_s=st.floats(0, 0.2),
)


def patience(pace: Pace, worst_s: float) -> Patience:
    made = Patience(POLICY)
    made.paces[PLACE] = pace
    made.sessions[PLACE] = SESSION, 0.3
    made.round_trips[OFFICE] = ((NOW - 300, worst_s),)
    return made


def terms(
    pace: Pace, worst_s: float, beating: Beating, flow: Flow | None, struck_s: float | None
) -> Terms:
    """The limits of a probe, perhaps after a silent one that began so long ago."""
    made, row = patience(pace, worst_s), ROW
    if struck_s is not None:
        began = NOW - struck_s
        made.struck[PORT] = Struck(session=SESSION, at=began, began=began, flow=flow)
        row = Tunnel(node=OFFICE, port=PORT, session=SESSION, strikes=1)
    return made.terms(FORWARD, row, flow, NOW, beating)


@given(paces, st.floats(0, 10), beatings, flows, st.none() | st.floats(0, 60))
@settings(max_examples=200)
def test_only_an_overdue_beat_shortens_a_silence(
    pace: Pace, worst_s: float, beating: Beating, flow: Flow | None, struck_s: float | None
) -> None:
    found = terms(pace, worst_s, beating, flow, struck_s)

    assert found.silence_s >= min(TRIPS * worst_s, LONGEST_SILENCE_S)
    if not found.hurried:
        assert found.silence_s >= 13.0
        assert found.deadline_s >= POLICY.deadline_s
        return
    assert beating.overdue_s >= 0
    assert flow is not None
    assert found.silence_s >= max(LEAST_SILENCE_S, TRIPS * worst_s)
    assert max(pace.longest_s, pace.grown_s) < 1.0
    assert found.deadline_s + (struck_s or 0.0) >= 2.5


@given(paces, st.floats(0, 1), flows)
@settings(max_examples=50)
def test_without_beats_all_is_as_before(pace: Pace, worst_s: float, flow: Flow | None) -> None:
    found = terms(pace, worst_s, Beating(), flow, None)

    assert not found.hurried
    assert found.silence_s in (13.0, 24.0)


def test_a_connection_that_showed_life_is_not_hurried_until_it_beats_again() -> None:
    made = patience(Pace(fast=30), 0.05)
    flow = Flow(acked=0, received=0, heard_ago_s=20.0)
    late, in_time = Beating(overdue_s=1.0), Beating(overdue_s=-5.0)
    made.calmed.add(PORT)

    calm = made.terms(FORWARD, ROW, flow, NOW, late)
    made.terms(FORWARD, ROW, flow, NOW, in_time)
    again = made.terms(FORWARD, ROW, flow, NOW, late)

    assert (calm.hurried, again.hurried) == (False, True)


@pytest.mark.parametrize(("node", "silence_s"), [(OFFICE, 16.0), (NodeName("another"), 8.0)])
def test_a_slow_answer_through_one_forward_counts_for_all_of_its_node(
    node: NodeName, silence_s: float
) -> None:
    made, flow = patience(Pace(fast=30), 0.05), Flow(acked=0, received=0, heard_ago_s=20.0)
    other = Tunnel(node=node, port=Port(PORT + 1), session=SESSION)
    answer = Observation(
        reply=Answer(expected=True, text=b"SSH-"),
        owner=Owner.OURS,
        expect=FORWARD.expect,
        deadline_s=5.0,
    )

    made.learn(other, answer, 4.0, NOW - 60, None)

    found = made.terms(FORWARD, ROW, flow, NOW, Beating(overdue_s=1.0))
    assert found.silence_s == silence_s
