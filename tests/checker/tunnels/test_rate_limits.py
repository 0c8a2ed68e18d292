"""What one node may ask, and one stranger: decided without a socket, and without a clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from checker.model import NodeName
from checker.tunnels.rate_limits import (
    MOST_KNOWN,
    TELL_EVERY_S,
    Allowance,
    Limit,
    Limits,
    Over,
    enter,
)
from tests.strategies import OFFICE

SMALL = Limit(at_once=3, a_minute=12)
NEW = Allowance(left=SMALL.burst, at=0.0)


def asked(limits: Limits, times: int, now: float) -> list[Over]:
    """Requests that are answered at once, and what was refused of them."""
    refused = []
    for _ in range(times):
        over = limits.enter(OFFICE, now)
        if over is None:
            limits.leave(OFFICE)
        else:
            refused.append(over)
    return refused


def test_a_burst_is_answered_and_the_next_request_refused() -> None:
    limits = Limits(SMALL)

    refused = asked(limits, 10, now=0.0)

    assert len(refused) == 10 - SMALL.burst
    assert refused[0].why == "more than 12 requests a minute; ask less often"


def test_more_requests_are_allowed_as_time_passes() -> None:
    limits = Limits(SMALL)
    asked(limits, 10, now=0.0)

    assert len(asked(limits, 1, now=4.9)) == 1
    assert asked(limits, 1, now=5.0) == []
    assert len(asked(limits, 1, now=5.0)) == 1


def test_requests_under_way_are_bounded_until_one_is_answered() -> None:
    limits = Limits(SMALL)

    entered = [limits.enter(OFFICE, 0.0) for _ in range(4)]
    limits.leave(OFFICE)

    assert entered[:3] == [None] * 3
    assert entered[3] is not None
    assert entered[3].why == "3 requests of this node are under way already; wait for their answers"
    assert limits.enter(OFFICE, 0.0) is None


def test_another_node_is_not_affected() -> None:
    limits = Limits(SMALL)
    asked(limits, 10, now=0.0)

    assert limits.enter(NodeName("neighbour"), 0.0) is None


def test_an_event_is_due_once_a_minute_with_the_number_of_refusals() -> None:
    limits = Limits(SMALL)

    first = asked(limits, 20, now=0.0)
    later = asked(limits, 20, now=TELL_EVERY_S)

    assert [over.untold for over in first] == [1] + [None] * 13
    assert [over.untold for over in later] == [14] + [None] * 13


def test_an_idle_node_is_forgotten_and_one_that_waits_is_not() -> None:
    limits = Limits(SMALL)
    asked(limits, 1, now=0.0)
    limits.enter(NodeName("waiting"), 0.0)

    limits.forget(29.0)
    assert set(limits.allowances) == {OFFICE, "waiting"}
    limits.forget(TELL_EVERY_S)

    assert set(limits.allowances) == {"waiting"}


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=80))
def test_no_minute_has_more_than_a_burst_and_the_steady_rate(
    steps: list[tuple[float, bool]],
) -> None:
    account, now, let_in = NEW, 0.0, []
    for wait_s, is_long in steps:
        now += wait_s if is_long else 0.0
        account, over = enter(account, SMALL, now)
        if over is None:
            let_in.append(now)
            account = Allowance(
                left=account.left, at=account.at, refused=account.refused, told_at=account.told_at
            )

    assert all(
        sum(first <= at < first + 60 for at in let_in) <= SMALL.burst + SMALL.a_minute + 1
        for first in let_in
    )
    assert 0 <= account.left <= SMALL.burst


@given(st.floats(-1e9, 1e9))
def test_a_clock_that_jumps_gives_no_more_than_a_burst(now: float) -> None:
    account, _ = enter(NEW, SMALL, now)

    assert -1 <= account.left <= SMALL.burst


def test_many_strangers_do_not_fill_the_memory() -> None:
    limits = Limits(SMALL)
    for number in range(MOST_KNOWN + 1):
        limits.enter(NodeName(f"n{number}"), now=0.0)
        limits.leave(NodeName(f"n{number}"))

    limits.enter(OFFICE, now=1e6)

    assert set(limits.allowances) == {OFFICE}
