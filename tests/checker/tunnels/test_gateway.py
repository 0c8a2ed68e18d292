"""One gateway: what it does before and after a probe, and what a node's connection hears."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.model import EventKind, Node, NodeName, Place, Port, Status, parse_expect
from checker.registry.edits import with_forward
from checker.registry.nodes import Registry
from checker.tunnels.cloned_keys import Arrival
from checker.tunnels.gateway import REFUSALS, Gateway
from checker.tunnels.judge import Kill, Nothing
from tests.checker.tunnels.gateways import gateway_of, held
from tests.strategies import node


async def test_a_disabled_node_loses_its_connection_and_is_not_probed(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        one.gateway.take(replace(one.node, enabled=False))

        judgement = await one.gateway.settle(one.node.forwards[0])

        assert one.holder.wait(150) == -signal.SIGTERM
    assert judgement.action == Nothing()
    assert (judgement.tunnel.status, judgement.tunnel.detail) == (Status.UNKNOWN, "disabled")
    (killed,) = one.events(EventKind.KILL)
    assert killed.endswith("; its node may not listen: disabled")


async def test_a_right_that_begins_in_the_future_proves_nothing(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        now = one.gateway.ledger.registrations[one.session].registered_at
        one.gateway.take(replace(one.node, key_since=int(now) + 3600))

        judgement = await one.gateway.settle(one.node.forwards[0])

        assert one.holder.poll() is None
        assert judgement.tunnel.session == one.session


async def test_a_silent_connection_is_killed_after_its_siblings_were_probed(
    tmp_path: Path,
) -> None:
    with held(tmp_path) as one:
        silent = [replace(f, expect=parse_expect("banner:SSH")) for f in one.node.forwards]
        one.gateway.take(replace(one.node, forwards=tuple(silent)))

        judgement = await one.gateway.settle(silent[0])

        assert one.holder.wait(150) == -signal.SIGTERM
    assert isinstance(judgement.action, Kill)
    assert judgement.tunnel.status is Status.DOWN
    sibling = one.gateway.ledger.tunnel(silent[1])
    assert (sibling.status, sibling.strikes) == (Status.HUNG, 1)
    assert one.gateway.ledger.flaps[one.node.name].count == 1


@pytest.mark.parametrize(
    ("statuses", "verdicts", "heard"),
    [
        pytest.param((Status.UP, Status.UP), (0, 0), 0, id="all is well"),
        pytest.param((Status.UP, Status.DOWN), (0, 4), 4, id="the longest wait"),
        pytest.param((Status.UP, Status.FOREIGN), (0, 60), 0, id="a foreign port beside a tunnel"),
        pytest.param((Status.DOWN, Status.FOREIGN), (1, 60), 60, id="a foreign port by itself"),
    ],
)
def test_a_node_hears_the_longest_wait_over_its_forwards(
    statuses: tuple[Status, ...], verdicts: tuple[int, ...], heard: int, tmp_path: Path
) -> None:
    office = node(ports=(20010, 20011))
    gateway = gateway_of(tmp_path, office)
    for forward, status, verdict in zip(office.forwards, statuses, verdicts, strict=True):
        row = gateway.ledger.tunnel(forward)
        gateway.ledger.put(replace(row, status=status, verdict=verdict))

    assert gateway.verdict(office) == heard


@pytest.mark.parametrize(
    ("statuses", "heard"),
    [
        pytest.param((Status.UP, Status.DOWN), 0, id="beside a tunnel that works"),
        pytest.param((Status.DOWN, Status.DOWN), 4, id="nothing works"),
    ],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["added", "leaving"])
def test_a_port_that_the_device_does_not_know_costs_it_no_tunnel(
    statuses: tuple[Status, ...], heard: int, is_new: bool, tmp_path: Path
) -> None:
    both = node(ports=(20010, 20011))
    first, second = both.forwards
    before = replace(both, forwards=(first,)) if is_new else both
    after = both if is_new else with_forward(both, second, replace(second, leaves_at=9))
    gateway = gateway_of(tmp_path, before)
    gateway.use(Registry(nodes=MappingProxyType({after.name: after})))
    for forward, status in zip(after.forwards, statuses, strict=True):
        row = gateway.ledger.tunnel(forward)
        gateway.ledger.put(replace(row, status=status, verdict=4 * (status is Status.DOWN)))

    assert gateway.verdict(after) == heard


def test_a_port_that_its_device_leaves_costs_no_tunnel_that_was_not_judged_yet(
    tmp_path: Path,
) -> None:
    both = node(ports=(20010, 20011))
    first, second = both.forwards
    gateway = gateway_of(tmp_path, with_forward(both, second, replace(second, leaves_at=9)))
    for forward in both.forwards:
        row = replace(gateway.ledger.tunnel(forward), status=Status.DOWN, verdict=1)
        gateway.ledger.put(row)
    gateway.watcher.record.connected(first, 1.0)  # and the other one was judged since

    assert gateway.verdict(gateway.registry.nodes[both.name]) == 0


async def test_a_port_on_which_the_device_has_listened_counts_from_then_on(tmp_path: Path) -> None:
    with held(tmp_path) as one:
        places = {(one.node.name, forward.port) for forward in one.node.forwards}
        one.gateway.awaited |= places

        await one.gateway.settle(one.node.forwards[0])

        assert one.gateway.awaited == places - {(one.node.name, one.node.forwards[0].port)}


def test_what_is_known_of_a_node_goes_on_under_its_new_name(tmp_path: Path) -> None:
    office = node()
    gateway = gateway_of(tmp_path, office)
    gateway.ledger.put(replace(gateway.ledger.tunnel(office.forwards[0]), kills=3))
    club = replace(node("club"), public_key=office.public_key)

    renamed = gateway.use(Registry().with_node(club))

    assert renamed == ((office.name, NodeName("club")),)
    assert gateway.ledger.tunnel(club.forwards[0]).kills == 3


def registry_of(*nodes: Node) -> Registry:
    return Registry(nodes=MappingProxyType({one.name: one for one in nodes}))


def known_of(gateway: Gateway) -> set[Place]:
    """Put a row for each forward, and return where rows are."""
    for forward in gateway.registry.forwards:
        gateway.ledger.put(replace(gateway.ledger.tunnel(forward), status=Status.DOWN))
    return set(gateway.ledger.tunnels)


@pytest.mark.parametrize(
    ("after", "left"),
    [
        pytest.param([], [], id="removed"),
        pytest.param([node(ports=(20010,))], [("office", 20010)], id="a port less"),
        pytest.param([node(ports=(20012,))], [], id="moved"),
        pytest.param([node("club", ports=(20011, 20012))], [("club", 20011)], id="renamed"),
    ],
)
def test_tunnels_of_forwards_that_went_are_forgotten(
    after: list[Node], left: list[tuple[str, int]], tmp_path: Path
) -> None:
    gateway = gateway_of(tmp_path, node(ports=(20010, 20011)))
    known_of(gateway)

    gateway.use(registry_of(*after))

    assert set(gateway.ledger.tunnels) == set(left)


def test_a_port_that_a_node_left_is_forgotten_with_the_next_reading(tmp_path: Path) -> None:
    office = node(ports=(20010, 20011))
    gateway = gateway_of(tmp_path, office)
    known_of(gateway)
    after = replace(office, forwards=office.forwards[:1])

    gateway.take(after)
    gateway.use(registry_of(replace(after)))

    assert set(gateway.ledger.tunnels) == {(office.name, Port(20010))}


def test_nothing_is_forgotten_while_a_file_is_broken_but_all_of_it_afterwards(
    tmp_path: Path,
) -> None:
    office, barn = node(), node("barn", 2, (20020,))
    gateway = gateway_of(tmp_path, office)
    gateway.use(registry_of(office, barn))
    known = known_of(gateway)

    gateway.use(replace(registry_of(office), broken=frozenset({barn.name})))
    assert set(gateway.ledger.tunnels) == known

    gateway.use(registry_of(office))
    assert {name for name, _ in gateway.ledger.tunnels} == {office.name}


def test_what_went_while_no_daemon_ran_is_forgotten_once_no_file_is_broken(tmp_path: Path) -> None:
    office = node()
    gateway = gateway_of(tmp_path, office)
    gateway.registry = replace(gateway.registry, broken=frozenset({NodeName("barn")}))
    known_of(gateway)
    mill = node("mill", 3, (20030,))
    gateway.ledger.put(gateway.ledger.tunnel(mill.forwards[0]))
    gateway.forget_gone()
    assert len(gateway.ledger.tunnels) == 2

    gateway.use(registry_of(office))
    assert {name for name, _ in gateway.ledger.tunnels} == {office.name}


def test_clones_of_a_node_are_forgotten_with_its_key_and_not_before(tmp_path: Path) -> None:
    office = node()
    gateway = gateway_of(tmp_path, office)
    clones = gateway.watcher.clones
    one, other = Arrival(instance="one"), Arrival(instance="other")
    clones.refuse(office.name, one, other, 0.0)

    gateway.use(registry_of(replace(office, note="moved to the attic")))
    assert clones.note(office.name, 0.0)

    gateway.use(registry_of(replace(office, public_key=node("x", 9).public_key)))
    assert not clones.note(office.name, 0.0)


def test_refusals_of_one_name_are_logged_up_to_a_rate(tmp_path: Path) -> None:
    gateway = gateway_of(tmp_path, node())

    for _ in range(2 * REFUSALS.burst):
        gateway.log_refusal(NodeName("thief"), "refused", actor="node thief")

    logged = [event for event in gateway.ledger.pending.events if event.kind is EventKind.REFUSED]
    assert REFUSALS.burst <= len(logged) < 2 * REFUSALS.burst
    assert {event.node for event in logged} == {None}, "only registered nodes have rows"
