"""Which guests a round looks closer at, however many connections there are."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest

from checker.config.settings import FleetSettings
from checker.daemon.guests import LOOKED_AT, TICKS_PER_S, Guests
from checker.linux.processes import read_process
from checker.model import NodeName, ProcessId, Registration
from checker.model.gateway_id import GatewayId
from checker.tunnels.returns import Homes
from tests.checker.tunnels.gateways import gateway_of
from tests.strategies import node

GW2 = GatewayId("gw2")
NOW = 1e6
HEARD = {GW2: NOW}


class Nowhere:
    """Knows no home of any node, and counts whom it is asked about."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def orders(self, names: Collection[NodeName]) -> Mapping[NodeName, Sequence[GatewayId]]:
        self.asked.append(len(names))
        return {}


def guest(number: int, session: ProcessId | None = None, home: str = GW2) -> Registration:
    """One that has been here the longer, the lower its number is."""
    return Registration(
        node=NodeName(f"n{number}"),
        instance="aaaa",
        session=session or ProcessId(pid=5_000_000 + number, start_ticks=number),
        peer="",
        registered_at=0.0,
        moves=True,
        home=home,
    )


@pytest.fixture
def guests(tmp_path: Path) -> Guests:
    gateway = gateway_of(tmp_path, node(ports=(20010,)))
    return Guests(FleetSettings(name="gw1"), Nowhere(), gateway)


def test_of_ten_thousand_guests_a_round_looks_closer_at_a_few_of_the_longest(
    guests: Guests,
) -> None:
    for number in range(10_000):
        guests.ledger.keep(guest(number))

    found = guests.candidates(HEARD)
    guests.rest_until = {one.session: NOW + 30 for one in found}
    after_that = guests.candidates(HEARD)

    assert [one.node for one in found] == [f"n{number}" for number in range(LOOKED_AT)]
    assert after_that[0].node == f"n{LOOKED_AT}", "those that must stay do not keep others waiting"


def test_who_is_at_home_or_came_lately_costs_nothing(guests: Guests) -> None:
    lately = ProcessId(pid=5_000_000, start_ticks=int((NOW - 599) * TICKS_PER_S))
    for one in (guest(1, home="gw1"), guest(2, home="gw3"), guest(3, home=""), guest(4, lately)):
        guests.ledger.keep(one)

    assert guests.candidates(HEARD) == []


def test_a_gateway_that_died_when_its_guest_came_is_not_its_home_yet(guests: Guests) -> None:
    came = ProcessId(pid=5_000_000, start_ticks=int((NOW - 700) * TICKS_PER_S))
    guests.ledger.keep(guest(1, came))

    assert guests.candidates({GW2: NOW - 701}) == []
    assert guests.candidates({GW2: NOW - 101}) == []
    assert guests.candidates({GW2: NOW - 99})


async def test_a_guest_that_must_stay_is_looked_at_again_only_later(guests: Guests) -> None:
    ours = read_process(os.getpid())
    assert ours is not None
    guests.ledger.keep(guest(1, ours.id))
    placing = guests.placing
    assert isinstance(placing, Nowhere)
    now = time.clock_gettime(time.CLOCK_BOOTTIME) + 700
    others = Homes()
    others.see(GW2, 0.0, takes_nodes=True, now=now - 700)
    others.see(GW2, 0.0, takes_nodes=True, now=now + 31)

    async with asyncio.TaskGroup() as group:
        sent = [await guests.send(others, now + later, group) for later in (0, 3, 31)]

    assert sent == [False, False, False]
    assert placing.asked == [1, 1]
