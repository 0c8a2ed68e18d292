"""What two gateways do with each other's guests and with a copied key, over a real bus."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from checker.fleet.cards import Card, parse_card
from checker.linux.processes import is_alive
from checker.model import Event, EventKind
from tests.fleet.fleet_mirrors import name_at
from tests.fleet.homes import signer
from tests.fleet.pairs import GW1, GW2, Pair, pair
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway
from tests.system.waiting import until

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(
        os.geteuid() != 0, reason="two gateways on one machine need two accounts of tunnels"
    ),
]
SOON = "return_after_s = 2\nreturn_per_s = 1\n"
GUESTS = 3
AT_HOME = "fake-1.0/ssh-9+moves-gw2"


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory, mode_of: Callable[[str], Mode]
) -> Iterator[Pair]:
    anna = signer(tmp_path_factory.mktemp("people"), "anna")
    modes = mode_of("root"), mode_of("root-for-tunnel-user")
    with pair(*modes, anna, more=SOON) as found:
        found.gw1.start_sshd()
        yield found


def cards_of(fleet: Pair) -> tuple[Card, ...]:
    folder = fleet.gw1.layout.fleet / "gateways"
    return tuple(parse_card((folder / f"{id_}.toml").read_bytes()) for id_ in (GW1, GW2))


def at(gateway: Gateway, device: Device) -> Device:
    """The device as it comes to this gateway."""
    public = gateway.layout.host_key.with_suffix(".pub").read_text(encoding="ascii")
    user = gateway.mode.tunnel.name
    return replace(device, user=user, ssh_port=gateway.ssh_port, host_key=public.rstrip())


def come(gateway: Gateway, device: Device, instance: str = "first") -> Connection:
    """Connect as a client that would go home to gw2."""
    return gateway.connect(at(gateway, device), "hold", instance, AT_HOME)


def lose_gw2(fleet: Pair) -> None:
    """Kill all that runs there at once."""
    for process in (fleet.agents[GW2], fleet.buses[GW2]):
        process.kill()
        process.wait()
    fleet.gw2.kill_daemon()
    fleet.gw2.stop_sshd()


def bring_gw2_back(fleet: Pair) -> None:
    fleet.gw2.start_sshd()
    fleet.gw2.serve()
    fleet.start_bus(GW2)
    fleet.start_agent(GW2)


def sent_home(fleet: Pair, devices: list[Device]) -> list[Event]:
    """The events about guests who were sent home, the oldest first."""
    found = [fleet.gw1.events(one, EventKind.MOVE) for one in devices]
    return sorted((event for events in found for event in events), key=lambda event: event.id)


def test_guests_go_home_one_by_one_and_nobody_whose_connection_is_used(fleet: Pair) -> None:
    gw1, gw2, cards = fleet.gw1, fleet.gw2, cards_of(fleet)
    names = [name_at(GW2, cards, number) for number in range(GUESTS)]
    devices = [fleet.device(name) for name in names]
    busy, *others = devices
    first = {one.node: (come(gw2, one), gw2.await_up(one)) for one in devices}

    lose_gw2(fleet)

    for connection, _ in first.values():
        assert connection.ended() not in (0, 75)
    guests = {one.node: (come(gw1, one), gw1.await_up(one)) for one in devices}
    with closing(socket.create_connection(("127.0.0.1", busy.ports[0]))) as visitor:
        assert visitor.recv(4)

        bring_gw2_back(fleet)

        for one in others:
            assert guests[one.node][0].ended() == 75
            come(gw2, one)
            gw2.await_up(one, after=first[one.node][1])
        events = sent_home(fleet, devices)
        assert sorted(event.node or "" for event in events) == sorted(one.node for one in others)
        assert all(event.text.startswith("sent home to gw2, which has been") for event in events)
        connection, session = guests[busy.node]
        assert connection.lives
        assert is_alive(session)


def test_a_copied_key_at_two_gateways_is_noticed_and_the_later_one_waits(fleet: Pair) -> None:
    gw1, gw2 = fleet.gw1, fleet.gw2
    first = gw2.add(gw2.service().target, name="copied")
    second = gw1.add(gw1.service().target, name="copied")
    earlier = gw2.connect(first, "hold", "aaaa")
    gw2.await_up(first)
    with earlier.beating(1):
        until(lambda: fleet.mirrored(first), "gw1 knows of the earlier one")
        gw2.await_registered(first)
        later = gw1.connect(second, "hold", "bbbb")
        session = gw1.await_up(second)

        assert until(later.beat, "its beats are answered with a wait") == 10

        event = gw1.await_event(EventKind.CLONE, second)
        assert "at gw2 (aaaa from 127.0.0.1)" in event.text
        assert is_alive(session), "nobody is killed for it"
    assert earlier.beat() == 0
    assert not gw2.events(kind=EventKind.CLONE)
