"""A node that is here and at another gateway: what its gateway does about it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.daemon.clone_watch import CloneWatch, answered_at, presences
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import EventKind, Port, ProcessId, Registration, Status, Tunnel
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.mirror_reading import InCommon
from checker.tunnels.far_clones import Findings, Pair, Presence
from tests.checker.tunnels.gateways import gateway_of
from tests.strategies import NOW, OFFICE, SESSION, node

HERE, GW2 = GatewayId("gw1"), GatewayId("gw2")
OURS = Presence(
    gateway=HERE,
    node=OFFICE,
    session=SESSION,
    instance="aaaa",
    peer="192.0.2.1:4000",
    registered_at=NOW,
    alive_at=NOW,
)
PAIR = Pair(ours=OURS, theirs=replace(OURS, gateway=GW2, instance="bbbb"))
AGAIN = replace(PAIR, ours=replace(OURS, session=ProcessId(pid=77, start_ticks=7)))
TUNNEL = Tunnel(
    node=OFFICE, port=Port(20010), status=Status.UP, session=SESSION, probed_at=NOW + 100
)


@pytest.fixture
def watch(tmp_path: Path) -> CloneWatch:
    gateway = gateway_of(tmp_path, node(ports=(20010,)))
    gateway.layout.run.mkdir(parents=True, exist_ok=True)
    verdicts = Verdicts(gateway)
    sweeper = Sweeper(gateway, verdicts)
    sweeper.use(gateway.registry)
    return CloneWatch(HERE, gateway, verdicts, sweeper)


async def test_a_leftover_is_probed_at_once_and_once(watch: CloneWatch) -> None:
    schedule, later = watch.sweeper.schedule, time.monotonic() + 3600
    found = Findings(leftovers=(PAIR,))
    schedule.put(Port(20010), later)

    await watch.act(found)
    assert schedule.at[Port(20010)] <= time.monotonic()
    schedule.put(Port(20010), later)
    await watch.act(found)

    assert schedule.at[Port(20010)] == later
    assert watch.gateway.verdict(node(ports=(20010,))) == 0


async def test_each_time_a_copied_key_comes_back_it_waits_longer(watch: CloneWatch) -> None:
    waits = []
    for pair in (PAIR, PAIR, AGAIN):
        await watch.act(Findings(clones=(pair,)))
        waits.append(watch.gateway.verdict(node(ports=(20010,))))

    assert waits == [10, 10, 20]
    texts = [one.text for one in watch.ledger.pending.events if one.kind is EventKind.CLONE]
    assert texts[0] == (
        "instance aaaa from 192.0.2.1 is connected here, and since earlier another instance at gw2"
        " (bbbb from 192.0.2.1): is the key on two devices? It must wait 10 s"
    )


async def test_a_gateway_that_cannot_be_believed_makes_nobody_wait(watch: CloneWatch) -> None:
    await watch.act(Findings(doubted=(GW2,)))

    assert watch.gateway.verdict(node(ports=(20010,))) == 0


@pytest.mark.parametrize(
    ("tunnel", "expected"),
    [
        pytest.param(TUNNEL, NOW + 100, id="it answered"),
        pytest.param(replace(TUNNEL, status=Status.REFUSED), NOW + 100, id="its target refused"),
        pytest.param(replace(TUNNEL, status=Status.HUNG), None, id="it hangs"),
        pytest.param(replace(TUNNEL, session=None), None, id="another connection"),
        pytest.param(replace(TUNNEL, probed_at=None), None, id="it was not probed"),
    ],
)
def test_a_connection_elsewhere_lives_if_its_tunnel_answered(
    tunnel: Tunnel, expected: float | None
) -> None:
    assert answered_at(SESSION, [tunnel]) == expected


def test_the_times_of_another_gateway_are_put_by_our_clock() -> None:
    pulse = Pulse(epoch="e", beat=1, number=1, at=NOW + 40, version="0", state="active")
    registration = Registration(
        node=OFFICE, instance="aaaa", session=SESSION, peer="", registered_at=NOW
    )
    found = InCommon(
        pulse=HeardPulse(pulse=pulse, heard_at=NOW),
        registrations=(registration,),
        tunnels=(TUNNEL,),
    )

    (one,) = presences(GW2, found)

    assert (one.registered_at, one.alive_at) == (NOW - 40, NOW + 60)
