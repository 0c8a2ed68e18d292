"""In which order gateways are tried, with which time limits, and how long a round waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.config import Address
from client.pace import Limits, Pace
from client.route import BUSY_CAP_S, REFUSED_CAP_S, Route
from client.words import Failure

UNREACHABLE, REFUSED, SILENT, BUSY = (
    Failure.UNREACHABLE,
    Failure.REFUSED,
    Failure.SILENT,
    Failure.BUSY,
)
USUAL = Limits(connect_s=10.0, banner_s=10.0, login_s=10.0)
SHORT = Limits(connect_s=5.0, banner_s=5.0, login_s=10.0)


def route(count: int, fraction: float = 1.0, connect_s: float = 10.0) -> Route:
    gateways = tuple(Address(host=f"gw{number}", port=22) for number in range(1, count + 1))
    paces = tuple(Pace(connect_s, 8.0) for _ in gateways)
    return Route(gateways, paces, lambda low, high: low + fraction * (high - low))


def tried(found: Route, failures: list[Failure], now_s: float = 0.0) -> list[str]:
    """Return the gateways in the order in which they are tried, and `-` for each wait."""
    seen = [found.gateway.host]
    for failure in failures:
        wait_s = found.fail(failure, now_s)
        seen += (["-"] if wait_s else []) + [found.gateway.host]
    return seen


def waits(found: Route, failure: Failure, rounds: int) -> list[float]:
    """Return the waits of so many rounds that all fail in the same way."""
    count = len(found.gateways)
    return [[found.fail(failure, 0.0) for _ in range(count)][-1] for _ in range(rounds)]


def test_each_round_begins_at_home_and_waits_only_at_its_end() -> None:
    found = tried(route(3), [UNREACHABLE, BUSY, SILENT, REFUSED, UNREACHABLE])

    assert found == ["gw1", "gw2", "gw3", "-", "gw1", "gw2", "gw3"]


def test_after_a_loss_it_begins_at_home() -> None:
    found = route(3)
    tried(found, [UNREACHABLE, UNREACHABLE])
    found.worked()

    found.begin(0.0)

    assert tried(found, [UNREACHABLE]) == ["gw1", "gw2"]


def test_a_gateway_that_refuses_the_key_is_left_out_of_rounds() -> None:
    found = route(3)

    assert tried(found, [Failure.DENIED, *[UNREACHABLE] * 4]) == [
        "gw1", "gw2", "gw3", "-", "gw2", "gw3", "-", "gw2",
    ]  # fmt: skip
    found.begin(331.0)
    assert found.gateway.host == "gw1"


def test_only_the_last_gateway_of_a_round_gets_the_usual_time() -> None:
    found = route(3)
    limits = []
    for _ in range(3):
        limits.append(found.limits(0.0))
        found.fail(SILENT, 0.0)

    assert limits == [SHORT, SHORT, USUAL]


def test_one_gateway_keeps_the_usual_times() -> None:
    found = route(1)

    assert found.limits(0.0) == USUAL
    assert waits(found, UNREACHABLE, 12)[-1] == 15.0
    assert waits(route(1), SILENT, 12)[-1] == 60.0


def test_a_barred_gateway_does_not_shorten_the_time_of_another() -> None:
    found = route(2)
    found.fail(Failure.DENIED, 0.0)

    assert found.limits(0.0) == USUAL


@pytest.mark.parametrize(
    ("took_s", "limit_s"),
    [
        pytest.param(0.3, 5.0, id="usual"),
        pytest.param(7.0, 7.0, id="slow"),
        pytest.param(36.0, 10.0, id="bounded by the usual time"),
    ],
)
def test_a_link_that_was_measured_as_slow_gets_more_time_at_each_gateway(
    took_s: float, limit_s: float
) -> None:
    found = route(2)
    found.fail(SILENT, 0.0)
    found.logged_in(took_s)
    found.worked()
    found.begin(0.0)

    limits = found.limits(0.0)

    assert (limits.connect_s, limits.banner_s) == (limit_s, limit_s)


def test_a_configured_time_is_halved_too() -> None:
    assert route(2, connect_s=30.0).limits(0.0).connect_s == 15.0


def test_a_failed_round_waits_at_most_fifteen_seconds() -> None:
    for failure in (UNREACHABLE, SILENT):
        assert waits(route(2), failure, 12)[:4] == [0.5, 1.0, 2.0, 4.0]
        assert waits(route(2), failure, 12)[-1] == 15.0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_busy_gateways_are_left_alone_for_up_to_a_minute_with_full_jitter(count: int) -> None:
    assert waits(route(count), BUSY, 60)[-1] == 60.0
    assert waits(route(count, fraction=0.0), BUSY, 60)[-1] == 0.0


def test_waits_for_a_busy_gateway_grow_slowly_and_from_the_third_in_a_row() -> None:
    assert waits(route(1), BUSY, 6) == [0.5, 1.0, 12.0, 13.0, 14.0, 15.0]


@pytest.mark.parametrize("failure", [BUSY, UNREACHABLE, Failure.SLOW, None], ids=str)
def test_other_failures_do_not_make_the_waits_after_a_refusal_long(failure: Failure | None) -> None:
    found = route(1)
    waits(found, UNREACHABLE, 12)
    waits(found, REFUSED, 12)
    if failure is None:
        found.logged_in(1.0)
    else:
        waits(found, failure, 12)

    assert waits(found, REFUSED, 8) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_busy_gateway_is_tried_sooner_than_one_that_was_away_for_long() -> None:
    found = route(1)
    waits(found, UNREACHABLE, 12)

    assert waits(found, BUSY, 4) == [12.0, 12.0, 12.0, 13.0]


def test_a_gateway_that_cannot_be_reached_does_not_hide_that_the_other_is_busy() -> None:
    found = route(2)
    for _ in range(60):
        found.fail(BUSY, 0.0)
        wait_s = found.fail(SILENT, 0.0)

    assert wait_s == 60.0


@pytest.mark.parametrize("failure", [Failure.SLOW, None], ids=["a slow login", "a login"])
def test_a_login_ends_the_count_of_busy_answers(failure: Failure | None) -> None:
    found = route(1)
    waits(found, BUSY, 12)
    if failure is None:
        found.logged_in(1.0)
    else:
        assert found.fail(failure, 0.0) == 15.0

    assert waits(found, BUSY, 4) == [12.0, 12.0, 12.0, 13.0]


@given(
    failures=st.lists(st.sampled_from([UNREACHABLE, REFUSED, SILENT, BUSY, Failure.SLOW])),
    count=st.integers(1, 3),
)
def test_no_wait_is_longer_than_its_rule(failures: list[Failure], count: int) -> None:
    found = route(count)
    for failure in failures:
        most_s = 15.0 if found.busy == 0 and failure is not BUSY else BUSY_CAP_S
        if found.is_refusal(failure):
            most_s = REFUSED_CAP_S

        assert 0.0 <= found.fail(failure, 0.0) <= most_s


def test_a_gateway_that_drains_is_left_at_once_and_comes_last_for_a_minute() -> None:
    found = route(2, fraction=0.0)

    assert found.drain(0.0) == 0.0
    assert found.gateway.host == "gw2"
    found.worked()
    found.begin(59.0)
    assert found.gateway.host == "gw2"
    assert found.limits(59.0) == USUAL, "no other gateway remains"
    assert found.fail(SILENT, 59.0) == 0.0
    assert found.gateway.host == "gw1"
    found.begin(60.0)
    assert found.gateway.host == "gw1"


def test_no_other_address_of_a_gateway_that_drains_is_tried() -> None:
    found = route(4, fraction=0.0)
    found.ids = ("gw1", "", "gw1", "gw2")

    assert found.drain(0.0) == 0.0
    assert found.gateway.host == "gw2"
    assert found.drain(0.0) == 0.0
    assert found.gateway.host == "gw4"
    assert found.drain(0.0) == 1.0, "only the other address of the first one is left"


@pytest.mark.parametrize("count", [1, 2])
def test_if_all_gateways_drain_it_comes_back_without_a_growing_wait(count: int) -> None:
    for fraction, wait_s in ((0.0, 1.0), (1.0, 15.0)):
        found = route(count, fraction)
        for _ in range(count - 1):
            assert found.drain(0.0) == 0.0

        assert [found.drain(0.0) for _ in range(5)] == [wait_s] * 5
        assert found.attempt == 0


def test_a_gateway_that_drains_does_not_shorten_the_bar_of_another() -> None:
    found = route(2)
    found.fail(Failure.DENIED, 0.0)

    assert found.drain(0.0) == 15.0
    assert found.gateway.host == "gw2"
