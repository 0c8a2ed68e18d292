"""The progress of the fleet's demo: what it counts as seen."""

from __future__ import annotations

import pytest

from checker.control.fleet_rows import Seen
from checker.fleet.cards import Card
from checker.fleet.placement import order_of
from checker.model import NodeName, Port, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.rows.gateways import GatewayView
from checker.rows.row import Whereabouts
from demo.fleet_scene import GUESTS, IDS, VICTIM, Client, FleetProgress, left

NOW = 1_800_000_000.0
NAMES = ("annex", "attic", "boathouse")
SPREAD = dict(zip(NAMES, IDS, strict=True))
MOVED = dict(zip(NAMES, (IDS[0], IDS[2], IDS[2]), strict=True))


def seen(at: dict[str, GatewayId], *, is_silent: bool = False, status: Status = Status.UP) -> Seen:
    """What the console shows: each node at a gateway, and perhaps the killed one silent."""
    keys = {name: (NodeName(name), Port(20000 + number)) for number, name in enumerate(at)}
    views = [
        GatewayView(
            id=id_,
            is_here=id_ == IDS[0],
            every_s=20.0,
            pulse_at=NOW - (41.0 if is_silent and id_ == VICTIM else 1.0),
        )
        for id_ in IDS
    ]
    return Seen(
        gateways=tuple(views),
        tunnels={key: Tunnel(node=key[0], port=key[1], status=status) for key in keys.values()},
        where={keys[name]: Whereabouts(gateway=id_) for name, id_ in at.items()},
    )


def test_each_gateway_is_home_of_each_kind_of_client() -> None:
    cards = [Card(id=id_, rev=1, changed_at=0, changed_by="anna") for id_ in IDS]

    homes = [(order_of(NodeName(one.role.name), cards)[0].id, one.client) for one in GUESTS]

    assert len({one.role.name for one in GUESTS}) == 12
    assert [sum(home == id_ for home, _ in homes) for id_ in IDS] == [4, 4, 4]
    assert set(homes) == {(id_, client) for id_ in IDS for client in Client}


def test_all_is_seen_once_the_nodes_are_up_elsewhere_and_the_killed_one_is_unreachable() -> None:
    progress = FleetProgress(NAMES)

    progress.update(seen(SPREAD), NOW)
    before = progress.is_spread, progress.is_moved
    progress.update(seen(MOVED), NOW)
    meanwhile = progress.is_moved, progress.faults()
    progress.update(seen(MOVED, is_silent=True), NOW)

    assert before == (True, False)
    assert meanwhile == (False, [f"{VICTIM} is not said to be unreachable"])
    assert progress.is_moved
    assert not progress.faults()


@pytest.mark.parametrize(
    ("found", "faults"),
    [
        pytest.param(None, [f"{name} was not seen" for name in NAMES], id="nothing heard"),
        pytest.param(
            seen(SPREAD, status=Status.DOWN),
            [f"{name} is down at {id_}" for name, id_ in SPREAD.items()],
            id="down",
        ),
        pytest.param(seen(MOVED), [], id="one gateway without a node"),
    ],
)
def test_nodes_that_are_not_up_at_three_gateways_are_not_spread(
    found: Seen | None, faults: list[str]
) -> None:
    progress = FleetProgress(NAMES)

    progress.update(found, NOW)

    assert not progress.is_spread
    unused = set(IDS) - progress.used()
    assert progress.faults() == [*faults, *(f"no node is at {id_}" for id_ in sorted(unused))]


def test_a_node_that_stays_at_the_killed_gateway_has_not_moved() -> None:
    progress = FleetProgress(NAMES)
    progress.update(seen(SPREAD), NOW)

    progress.update(seen(SPREAD, is_silent=True), NOW)

    assert VICTIM not in left()
    assert progress.faults() == [f"attic is up at {VICTIM}"]
