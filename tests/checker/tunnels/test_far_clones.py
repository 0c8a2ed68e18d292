"""One node at two gateways: which connection is left, probed, or told to wait."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import NodeName, ProcessId
from checker.model.gateway_id import GatewayId
from checker.tunnels.far_clones import (
    MOST_CLONES,
    PROVES_AFTER_S,
    Pair,
    Presence,
    Relation,
    findings,
    is_after,
    relation,
)
from checker.tunnels.shared_key import INSTANCE
from tests.strategies import SESSION

LATER = 5000.0
OURS = Presence(
    gateway=GatewayId("gw1"),
    node=NodeName("office"),
    session=SESSION,
    instance="aaaa",
    peer="192.0.2.1:4000",
    registered_at=LATER,
    alive_at=LATER + PROVES_AFTER_S + 1,
)
THEIRS = replace(OURS, gateway=GatewayId("gw2"), instance="bbbb", registered_at=LATER - 3600)


def test_the_later_of_two_devices_that_both_live_is_a_clone() -> None:
    assert relation(OURS, THEIRS) is Relation.CLONE


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        pytest.param({}, {"registered_at": LATER + 1}, "fine", id="the other gateway decides"),
        pytest.param({}, {"alive_at": None}, "fine", id="the other shows no life"),
        pytest.param({"alive_at": None}, {}, "fine", id="ours shows no life"),
        pytest.param({}, {"alive_at": LATER + 30}, "fine", id="it may have died meanwhile"),
        pytest.param({"alive_at": LATER + 30}, {}, "fine", id="ours may have died meanwhile"),
        pytest.param({}, {"instance": ""}, "fine", id="an instance without a name"),
        pytest.param({"instance": INSTANCE}, {}, "fine", id="the shared key"),
        pytest.param({"instance": "aaaa.1"}, {"instance": "aaaa.2"}, "fine", id="two paths"),
        pytest.param({"instance": "aaaa.1"}, {"instance": "aaaa"}, "fine", id="since two paths"),
        pytest.param({"instance": "aaaa.1"}, {"instance": "bbbb.2"}, "clone", id="another word"),
        pytest.param({"instance": "bbbb"}, {}, "fine", id="ours replaces a leftover there"),
        pytest.param({}, {"instance": "aaaa", "registered_at": LATER + 1}, "leftover", id="moved"),
        pytest.param(
            {"instance": "a.2"},
            {"instance": "a.2", "registered_at": LATER + 1, "alive_at": None},
            "leftover",
            id="the same path moved",
        ),
    ],
)
def test_every_other_pair(
    ours: dict[str, object], theirs: dict[str, object], expected: str
) -> None:
    assert relation(replace(OURS, **ours), replace(THEIRS, **theirs)) == expected  # type: ignore[arg-type]


def pair(number: int, gateway: str = "gw2") -> Pair:
    node = NodeName(f"n{number}")
    session = ProcessId(pid=100 + number, start_ticks=1)
    return Pair(
        ours=replace(OURS, node=node, session=session),
        theirs=replace(THEIRS, node=node, gateway=GatewayId(gateway)),
    )


def test_a_gateway_that_reports_too_many_clones_is_believed_about_none() -> None:
    few = [pair(number, "gw3") for number in range(MOST_CLONES)]
    many = [pair(100 + number) for number in range(MOST_CLONES + 1)]

    found = findings([*few, *many])

    assert found.clones == tuple(few)
    assert found.doubted == ("gw2",)


def test_a_node_waits_once_for_two_other_gateways() -> None:
    found = findings([pair(1), pair(1, "gw3")])

    assert [one.theirs.gateway for one in found.clones] == ["gw2"]


times = st.floats(min_value=0, max_value=1e10)
presences = st.builds(
    Presence,
    gateway=st.sampled_from([GatewayId("gw1"), GatewayId("gw2")]),
    node=st.just(NodeName("office")),
    session=st.just(SESSION),
    instance=st.sampled_from(["", INSTANCE, "a", "a.1", "a.2", "b", "b.1"]),
    peer=st.just(""),
    registered_at=times,
    alive_at=st.none() | times,
)


@given(one=presences, other=presences)
def test_two_gateways_never_both_act_and_nobody_waits_without_proof_of_two_lives(
    one: Presence, other: Presence
) -> None:
    other = replace(other, gateway=GatewayId("gw2" if one.gateway == "gw1" else "gw1"))

    here, there = relation(one, other), relation(other, one)

    assert Relation.FINE in (here, there)
    assert is_after(one, other) != is_after(other, one)
    if here is Relation.CLONE:
        least = one.registered_at + PROVES_AFTER_S
        assert one.alive_at is not None
        assert other.alive_at is not None
        assert min(one.alive_at, other.alive_at) > least
        assert one.registered_at >= other.registered_at
