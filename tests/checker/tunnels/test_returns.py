"""Which guests are sent home, and which are left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import NodeName
from checker.model.gateway_id import GatewayId
from checker.tunnels.returns import (
    AGAIN_AFTER_S,
    FRESH_S,
    Guest,
    Homes,
    Returning,
    Returns,
    home_of,
)
from checker.tunnels.sent_away import STRAIGHT_BACK_S
from tests.strategies import SESSION

HERE, HOME = GatewayId("gw1"), GatewayId("gw2")
NOW = 100_000.0
OFFICE = Guest(
    node=NodeName("office"),
    session=SESSION,
    began_at=NOW - 7200,
    moves=True,
    home=HOME,
    placed=HOME,
)
WELL = {HOME: NOW - 600}


USUAL = Returning()


def returns(returning: Returning = USUAL) -> Returns:
    """A gateway that has counted for a while."""
    made = Returns(HERE, returning)
    made.due((), {}, NOW - 60)
    return made


def test_a_guest_is_sent_home_once_its_home_has_been_well_for_long_enough() -> None:
    assert returns().due([OFFICE], WELL, NOW) == (OFFICE,)


@pytest.mark.parametrize(
    "guest",
    [
        pytest.param(replace(OFFICE, moves=False), id="a client that does not know how"),
        pytest.param(replace(OFFICE, carried=1), id="a connection is open through it"),
        pytest.param(replace(OFFICE, home=""), id="it names no home"),
        pytest.param(replace(OFFICE, home="gw3"), id="its home is away"),
        pytest.param(replace(OFFICE, placed="gw3"), id="the cards say another home"),
        pytest.param(replace(OFFICE, placed=""), id="the cards say none"),
        pytest.param(replace(OFFICE, home=HERE, placed=HERE), id="it is at home"),
        pytest.param(replace(OFFICE, began_at=NOW - 599), id="it came here lately"),
        pytest.param(
            replace(OFFICE, path=2, is_other_path_there=True), id="its other tunnel is there"
        ),
    ],
)
def test_every_other_guest_is_left(guest: Guest) -> None:
    assert returns().due([guest], {**WELL, HERE: 0.0}, NOW) == ()


@pytest.mark.parametrize(
    ("order", "path", "home"),
    [
        ("gw1 gw2 gw3", 0, "gw1"),
        ("gw1 gw2 gw3", 1, "gw1"),
        ("gw1 gw2 gw3", 2, "gw2"),
        ("gw1", 2, ""),
        ("", 0, ""),
    ],
)
def test_each_tunnel_of_a_node_has_its_own_home(order: str, path: int, home: str) -> None:
    assert home_of([GatewayId(id_) for id_ in order.split()], path) == home


def test_both_tunnels_of_a_node_are_sent_home_within_an_hour() -> None:
    found = returns()
    one, two = (replace(OFFICE, path=number) for number in (1, 2))

    assert found.due([one], WELL, NOW) == (one,)
    assert found.due([one, two], WELL, NOW + 60) == (two,)


def test_a_home_that_has_not_been_well_for_long_enough_gets_nobody() -> None:
    assert returns().due([OFFICE], {HOME: NOW - 599}, NOW) == ()


def test_zero_means_never() -> None:
    assert returns(Returning(after_s=0)).due([OFFICE], {HOME: 0.0}, NOW) == ()


def test_a_few_go_each_second_the_longest_guests_first() -> None:
    many = [
        replace(OFFICE, node=NodeName(f"n{number}"), began_at=OFFICE.began_at - number)
        for number in range(20)
    ]
    found = returns()

    first = found.due(many, WELL, NOW)
    at_once = found.due(many[:-5], WELL, NOW)
    later = found.due(many[:-5], WELL, NOW + 0.5)

    assert [one.node for one in first] == ["n19", "n18", "n17", "n16", "n15"]
    assert at_once == ()
    assert [one.node for one in later] == ["n14", "n13"]


def test_a_fraction_a_second_works_too() -> None:
    found = returns(Returning(per_s=0.1))

    attic = replace(OFFICE, node=NodeName("attic"))
    assert found.due([OFFICE, attic], WELL, NOW) == (attic,)
    assert found.due([OFFICE], WELL, NOW + 9) == ()
    assert found.due([OFFICE], WELL, NOW + 11) == (OFFICE,)


def test_a_node_that_comes_straight_back_is_left_until_its_home_was_away_again() -> None:
    found = returns()
    found.due([OFFICE], WELL, NOW)
    back = replace(OFFICE, began_at=NOW + STRAIGHT_BACK_S)
    much_later = NOW + 10 * AGAIN_AFTER_S

    assert found.awaited(NOW) == [OFFICE.key]
    assert found.notice(OFFICE.key, OFFICE.began_at) == "", "the connection that was told to go"
    assert found.notice(back.key, back.began_at) == HOME
    assert found.notice(back.key, back.began_at) == "", "once"
    assert found.awaited(NOW) == []

    assert found.due([back], WELL, much_later) == ()
    assert found.due([back], {HOME: much_later - 600}, much_later) == (back,)


def test_a_node_is_sent_home_at_most_once_an_hour() -> None:
    found = returns()
    found.due([OFFICE], WELL, NOW)
    again = replace(OFFICE, began_at=NOW + STRAIGHT_BACK_S + 1)

    assert found.notice(again.key, again.began_at) == "", "that was not straight back"
    assert found.awaited(NOW + 3 * STRAIGHT_BACK_S) == []

    assert found.due([again], WELL, NOW + AGAIN_AFTER_S - 1) == ()
    assert found.due([again], WELL, NOW + AGAIN_AFTER_S) == (again,)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 2000),
            st.sampled_from(["office", "attic", "barn"]),
            st.floats(0, 9000),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_happens_no_node_moves_twice_within_an_hour(
    steps: list[tuple[float, str, float, bool]],
) -> None:
    found, homes, now = returns(), Homes(), NOW
    went: dict[str, float] = {}

    for passed_s, name, age_s, is_well in steps:
        now += passed_s
        homes.see(HOME, 1.0 if is_well else 99.0, takes_nodes=True, now=now)
        guest = replace(OFFICE, node=NodeName(name), began_at=now - age_s)
        for one in found.due([guest], homes.well_since, now):
            assert now - went.get(one.node, float("-inf")) >= AGAIN_AFTER_S
            assert now - homes.well_since[HOME] >= 600
            went[one.node] = now


def test_a_break_of_the_pulse_starts_the_time_again() -> None:
    homes = Homes()
    for at, age_s, takes_nodes in (
        (0.0, 1.0, True),
        (50.0, FRESH_S, True),
        (100.0, FRESH_S + 1, True),
        (110.0, 1.0, True),
    ):
        homes.see(HOME, age_s, takes_nodes=takes_nodes, now=at)
    assert homes.well_since == {HOME: 110.0}

    homes.see(HOME, 1.0, takes_nodes=False, now=120.0)
    assert homes.well_since == {}
    homes.see(HOME, 1.0, takes_nodes=True, now=130.0)
    homes.keep_only([])
    assert homes.well_since == {}
