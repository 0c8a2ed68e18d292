"""Whom a gateway that drains sends away: each node once, and none that comes straight back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from checker.tunnels.sent_away import STRAIGHT_BACK_S, SentAway
from tests.strategies import OFFICE


def test_nobody_is_sent_away_before_a_drain_and_after_it() -> None:
    sent = SentAway()

    assert not sent.refuses(OFFICE, 0.0)
    sent.begin()
    assert sent.refuses(OFFICE, 1.0)
    sent.end()
    assert not sent.refuses(OFFICE, 2.0)


@given(st.lists(st.floats(0.1, STRAIGHT_BACK_S - 1), min_size=1, max_size=9))
def test_a_node_that_comes_straight_back_stays_however_often_its_link_breaks(
    gaps: list[float],
) -> None:
    sent, now = SentAway(), 1.0
    sent.begin()
    assert sent.refuses(OFFICE, now)

    for gap in gaps:
        now += gap
        assert not sent.refuses(OFFICE, now)


def test_a_node_that_was_told_to_move_may_come_back() -> None:
    sent = SentAway()
    sent.begin()

    sent.note(OFFICE, 1.0)

    assert not sent.refuses(OFFICE, 2.0)
    assert sent.refuses(OFFICE, 3.0 + STRAIGHT_BACK_S), "it was elsewhere meanwhile"


def test_the_end_of_a_drain_takes_back_what_nodes_would_hear() -> None:
    sent = SentAway()
    sent.begin()
    sent.waits[OFFICE] = 7

    assert sent.end() == (OFFICE,)
    assert not sent.waits
