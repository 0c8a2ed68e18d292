"""The order of a node's gateways."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from checker.fleet.cards import Card, GatewayState
from checker.fleet.placement import order_of
from checker.model import NodeName
from checker.model.gateway_id import GatewayId

NODES = [NodeName(f"node-{number}") for number in range(3000)]


def card(id_: str, weight: float = 1.0, state: GatewayState = GatewayState.ACTIVE) -> Card:
    return Card(
        id=GatewayId(id_), rev=1, changed_at=0, changed_by="anna", weight=weight, state=state
    )


THREE = [card("gw1"), card("gw2"), card("gw3")]


def homes(cards: list[Card]) -> Counter[str]:
    return Counter(order_of(node, cards)[0].id for node in NODES)


def test_nodes_spread_evenly() -> None:
    assert all(900 < count < 1100 for count in homes(THREE).values())


def test_weights_count() -> None:
    found = homes([card("gw1", 2.0), card("gw2")])

    assert 1850 < found["gw1"] < 2150


def test_only_the_nodes_of_a_gateway_that_goes_move_and_they_spread() -> None:
    left = [one for one in THREE if one.id != "gw2"]
    moved: Counter[str] = Counter()
    for node in NODES:
        before, after = order_of(node, THREE), order_of(node, left)
        assert [one.id for one in before if one.id != "gw2"] == [one.id for one in after]
        if before[0].id == "gw2":
            moved[after[0].id] += 1

    assert all(400 < count < 600 for count in moved.values())


def test_only_active_gateways_are_in_the_order() -> None:
    states = [state for state in GatewayState if state is not GatewayState.ACTIVE]
    cards = [card("gw1"), *(replace(card(f"x{n}"), state=one) for n, one in enumerate(states))]

    assert [one.id for one in order_of(NODES[0], cards)] == ["gw1"]


def test_a_nodes_own_order_wins() -> None:
    own = (GatewayId("gw3"), GatewayId("gone"), GatewayId("gw1"))

    assert [one.id for one in order_of(NODES[0], THREE, own)] == ["gw3", "gw1"]


def test_the_order_does_not_depend_on_that_of_the_cards() -> None:
    for node in NODES[:20]:
        assert order_of(node, THREE) == order_of(node, THREE[::-1])


def test_the_order_stays_as_it_was_released() -> None:
    """Bundles bake it, so no version may compute another one."""
    found = [" ".join(one.id for one in order_of(node, THREE)) for node in NODES[:3]]

    assert found == ["gw2 gw1 gw3", "gw2 gw3 gw1", "gw3 gw2 gw1"]
