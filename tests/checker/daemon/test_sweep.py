"""The sweep: which forwards it probes, when again, and that it knows when it is late."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.layout import home_layout
from checker.config.settings import Config, current_user
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import Expect, ExpectKind, NodeName, Policy, Port, Unregistered
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from tests.strategies import NOW, OFFICE, node

POLICY = Policy()
DEVICE = Unregistered(
    node=NodeName("50001"),
    port=Port(50001),
    expect=Expect(kind=ExpectKind.OPEN),
    first_at=NOW,
    last_at=NOW,
)


@pytest.fixture
def sweeper(tmp_path: Path) -> Sweeper:
    layout = home_layout(tmp_path)
    config = Config(tunnel_user=current_user())
    registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=(20010,))}))
    gateway = Gateway(layout, config, Ledger(layout, None), registry)
    return Sweeper(gateway, Verdicts(gateway))


def test_it_probes_the_forwards_of_the_registry_and_wakes(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)

    assert set(sweeper.schedule.forwards) == {20010}
    assert sweeper.wake.is_set()


def test_it_probes_an_unregistered_device_as_soon_as_it_is_seen(sweeper: Sweeper) -> None:
    sightings = sweeper.gateway.ledger.sightings

    sightings.put(DEVICE)
    assert set(sweeper.schedule.forwards) == {20010, 50001}

    sightings.keep_only([])
    assert set(sweeper.schedule.forwards) == {20010}


def test_a_node_that_is_asked_for_is_probed_before_its_turn(sweeper: Sweeper) -> None:
    sweeper.use(sweeper.gateway.registry)
    now = time.monotonic()
    sweeper.schedule.put(Port(20010), now + 3600)

    sweeper.probe_soon([OFFICE])

    assert sweeper.schedule.next_at(now) < now + 60


def test_it_is_late_when_a_forward_has_been_due_for_more_than_an_interval(
    sweeper: Sweeper,
) -> None:
    sweeper.use(sweeper.gateway.registry)
    assert sweeper.keeps_time

    sweeper.schedule.put(Port(20010), time.monotonic() - 2 * sweeper.policy.probe_every_s)

    assert not sweeper.keeps_time
