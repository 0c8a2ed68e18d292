"""Keys on two devices: waits that grow and are forgotten, and turns that are noticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from checker.model import NodeName, Policy
from checker.tunnels.cloned_keys import Arrival, Clones
from tests.strategies import OFFICE

A, B = Arrival(instance="a", peer="192.0.2.1"), Arrival(instance="b", peer="192.0.2.2")
NOTE = "its key is on two devices: instance a from 192.0.2.1, and b from 192.0.2.2"
QUIET_S = Policy().quiet_s


def clones() -> Clones:
    return Clones(Policy())


def test_a_newcomer_waits_longer_each_time_and_each_longer_wait_is_logged() -> None:
    seen = clones()

    assert [seen.refuse(OFFICE, A, B, float(at)) for at in range(5)] == [
        (10, True),
        (20, True),
        (40, True),
        (60, True),
        (60, False),
    ]
    assert seen.note(OFFICE, 5.0) == NOTE


def test_after_a_quiet_time_the_waits_start_over() -> None:
    seen = clones()
    seen.refuse(OFFICE, A, B, 0.0)

    assert seen.note(OFFICE, QUIET_S) == NOTE
    assert seen.note(OFFICE, QUIET_S + 1) == ""
    assert seen.refuse(OFFICE, A, B, QUIET_S + 1) == (10, True)


def test_a_third_device_is_logged_and_waits_like_the_second() -> None:
    seen = clones()
    for _ in range(4):
        seen.refuse(OFFICE, A, B, 0.0)

    assert seen.refuse(OFFICE, A, Arrival(instance="c"), 1.0) == (60, True)
    assert seen.note(OFFICE, 1.0).endswith("and c")


@given(st.lists(st.integers(0, 3), max_size=30))
def test_two_instances_take_turns_if_one_comes_back_after_the_other(order: list[int]) -> None:
    seen = clones()
    told = [
        seen.arrived(OFFICE, Arrival(instance=str(number)), float(at))
        for at, number in enumerate(order)
    ]

    changes = [number for at, number in enumerate(order) if at == 0 or order[at - 1] != number]
    came_back = any(changes.count(number) > 1 for number in changes) and len(order) <= 8
    assert sum(told) <= 1
    if len(order) <= 8:
        assert any(told) is came_back
        assert bool(seen.note(OFFICE, float(len(order)))) is came_back


def test_the_two_paths_of_a_node_are_one_device_however_they_take_turns() -> None:
    seen = clones()
    order = ["word.1", "word.2", "word.1", "word.2"]

    assert not any(seen.arrived(OFFICE, Arrival(instance=one), 0.0) for one in order)
    assert seen.note(OFFICE, 1.0) == ""
    seen.arrived(OFFICE, Arrival(instance="copy.1"), 1.0)
    assert seen.arrived(OFFICE, Arrival(instance="word.1"), 2.0)


def test_turns_far_apart_do_not_prove_a_clone() -> None:
    seen = clones()

    assert not any(
        seen.arrived(OFFICE, one, at * (QUIET_S + 1)) for at, one in enumerate((A, B, A, B))
    )


def test_a_client_with_a_new_name_each_time_is_not_a_clone() -> None:
    seen = clones()

    assert not any(seen.arrived(OFFICE, Arrival(instance=str(at)), float(at)) for at in range(20))
    assert len(seen.arrivals[OFFICE]) == 8


def test_a_clone_is_kept_when_its_node_is_renamed_and_forgotten_with_it() -> None:
    seen = clones()
    seen.refuse(OFFICE, A, B, 0.0)
    seen.arrived(OFFICE, A, 0.0)

    seen.rename(OFFICE, NodeName("lobby"))
    assert (seen.note(OFFICE, 0.0), seen.note(NodeName("lobby"), 0.0)) == ("", NOTE)
    assert list(seen.arrivals) == ["lobby"]

    seen.keep_only(frozenset())
    assert (seen.clones, seen.arrivals) == ({}, {})


def test_a_clone_is_forgotten_with_the_key() -> None:
    seen = clones()
    seen.refuse(OFFICE, A, B, 0.0)
    seen.arrived(OFFICE, A, 0.0)

    seen.forget(OFFICE)

    assert (seen.clones, seen.arrivals) == ({}, {})
