"""Guests go home once their own gateway is well again, as the mirrors of the fleet show it."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import pytest

from checker.config.layout import Layout
from checker.fleet.cards import Card, card_text
from checker.linux.processes import is_alive
from checker.model import EventKind, ProcessId, parse_public_key
from checker.model.gateway_id import GatewayId
from checker.state.mirrors import mirror_path
from tests.fleet.fleet_mirrors import make_member, name_at, told
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.python_client import Process, running
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
IDS = ("gw1", "gw2")
SOON = "return_after_s = 1\n"


@dataclass(frozen=True, kw_only=True)
class Two:
    """Two running gateways, each with an sshd."""

    gw1: Gateway
    gw2: Gateway
    cards: tuple[Card, ...]

    def guest(self, number: int, home: str = "gw2") -> Device:
        """Register a node of that home at gw1."""
        name = name_at(home, self.cards, number)
        return self.gw1.add(self.gw1.service().target, name=name)

    def come(self, device: Device, home: str = "gw2", client: str = "") -> Connection:
        """Connect to gw1, as its client would after its own gateway was lost."""
        word = client or f"fake-1.0/ssh-9+moves-{home}"
        return self.gw1.connect(device, "hold", "first", word)


@pytest.fixture
def two(usual: Mode) -> Iterator[Two]:
    with ExitStack() as stack:
        gw1, gw2 = (stack.enter_context(gateway_at(usual)) for _ in IDS)
        for gateway, id_ in zip((gw1, gw2), IDS, strict=True):
            cards = make_member(gateway.layout, id_, IDS, SOON)
            gateway.start_sshd()
            gateway.serve()
        yield Two(gw1=gw1, gw2=gw2, cards=cards)


def swept_at(gateway: Gateway) -> float:
    with closing(gateway.state()) as state:
        swept = state.last_sweep()
    return swept.swept_at if swept and swept.swept_at else 0.0


def await_rounds(gateway: Gateway) -> None:
    """Wait until the daemon had time for several looks at the mirrors."""
    before = swept_at(gateway)
    until(lambda: swept_at(gateway) > before + 9, "several rounds")


def moved(gateway: Gateway, device: Device) -> list[str]:
    return [event.text for event in gateway.events(device, EventKind.MOVE)]


def test_a_guest_goes_home_and_others_stay(two: Two) -> None:
    gw1, guests = two.gw1, [two.guest(number) for number in range(3)]
    busy, old, guest = guests
    ours = two.guest(3, "gw1")
    connected = {
        busy.node: two.come(busy),
        old.node: two.come(old, client="fake-1.0/ssh-9"),
        ours.node: two.come(ours, "gw1"),
    }
    kept: dict[str, ProcessId] = {d.node: gw1.await_up(d) for d in (busy, old, ours)}
    visitor = socket.create_connection(("127.0.0.1", busy.ports[0]))
    with closing(visitor):
        assert visitor.recv(4)
        leaving = two.come(guest)
        first = gw1.await_up(guest)
        mirror_path(gw1.layout, GatewayId("gw2")).parent.mkdir(exist_ok=True)
        mirror_path(gw1.layout, GatewayId("gw2")).write_bytes(b"no mirror at all")
        await_rounds(gw1)
        assert leaving.lives, "without the bus nobody is moved"

        with told(two.gw2.layout, "gw2", gw1.layout):
            assert leaving.ended() == 75
            text = "sent home to gw2, which has been well for"
            assert until(lambda: moved(gw1, guest), "the event")[0].startswith(text)

            back = two.come(guest)
            session = gw1.await_up(guest, after=first)
            until(lambda: len(moved(gw1, guest)) == 2, "a second event")
            assert "came straight back from gw2: it stays until gw2 was away again" in moved(
                gw1, guest
            )

            later = two.guest(4)
            assert two.come(later).ended() == 75, "who came later is looked at later"

        assert back.lives
        assert is_alive(session), "it came straight back, so it is left"
        assert len(moved(gw1, guest)) == 2
        for device in (busy, old, ours):
            assert connected[device.node].lives
            assert is_alive(kept[device.node])
            assert not moved(gw1, device)


def test_the_second_tunnel_of_a_node_goes_to_the_second_gateway(two: Two) -> None:
    """Unless the first one is there; and the first one does not."""
    gw1, gw2 = two.gw1, two.gw2
    goes, meets, stays = (two.guest(number, "gw1") for number in range(3))
    there = gw2.add(gw2.service().target, name=meets.node)
    gw2.connect(there, "hold", "word.1")
    gw2.await_up(there)
    gw2.await_registered(there)
    word = "fake-1.0/ssh-9+moves-gw2"
    second, other, first = (
        gw1.connect(device, "hold", instance, word)
        for device, instance in ((goes, "word.2"), (meets, "word.2"), (stays, "word.1"))
    )
    for device in (goes, meets, stays):
        gw1.await_up(device)

    with told(gw2.layout, "gw2", gw1.layout):
        assert second.ended() == 75
        await_rounds(gw1)

    assert other.lives
    assert first.lives
    assert {event.node for event in gw1.events(kind=EventKind.MOVE)} == {goes.node}


def test_the_python_client_goes_to_the_home_that_its_file_names(two: Two) -> None:
    gw1, gw2 = two.gw1, two.gw2
    put_host_key(gw1.layout, two.cards[1], gw2)
    order = [word for one, id_ in ((gw2, "gw2"), (gw1, "gw1")) for word in at(one, id_)]
    name = name_at("gw2", two.cards, 7)
    device = gw1.add(gw1.service().target, name=name, options=order)
    key = device.key.with_suffix(".pub")
    subprocess.run(f"ssh-keygen -y -f {device.key} > {key}", shell=True, check=True)
    (port,) = device.ports
    forward = f"{port}={device.targets[0]}"
    gw2.ok("node", "add", name, "--forward", forward, "--public-key", str(key))
    gw2.stop_sshd()
    via = [f"up: 1 forward via 127.0.0.1:{one.ssh_port}" for one in (gw1, gw2)]

    with running(Process(device.config)) as client:
        client.says(via[0])
        gw1.await_up(device)
        gw2.start_sshd()
        with told(gw2.layout, "gw2", gw1.layout):
            client.says(via[1])

        assert until(lambda: moved(gw1, device), "the event")[0].startswith("sent home to gw2")
        assert len(client.lines(via[0])) == 1


def at(gateway: Gateway, id_: str) -> tuple[str, str]:
    return "--gateway", f"{id_}={gateway.host}:{gateway.ssh_port}"


def put_host_key(layout: Layout, card: Card, of: Gateway) -> None:
    """Put the host key of another gateway on its card here."""
    key = parse_public_key(of.layout.host_key.with_suffix(".pub").read_text(encoding="ascii"))
    text = card_text(replace(card, host_keys=(key,)))
    (layout.fleet / "gateways" / f"{card.id}.toml").write_bytes(text)


@pytest.mark.parametrize("drains", IDS)
def test_nobody_is_sent_home_while_a_gateway_drains(two: Two, drains: str) -> None:
    gw1, gw2 = two.gw1, two.gw2
    (gw1 if drains == "gw1" else gw2).ok("drain", "--no-wait")
    guest = two.guest(1)
    with told(gw2.layout, "gw2", gw1.layout):
        if drains == "gw1":
            assert two.come(guest).ended() == 75, "it is told that the gateway drains, once"
        stays = two.come(guest)
        session = gw1.await_up(guest)
        await_rounds(gw1)
        assert stays.lives
        assert not moved(gw1, guest)

        (gw1 if drains == "gw1" else gw2).ok("undrain")

        assert stays.ended() == 75
    assert not is_alive(session)


def test_a_key_on_two_devices_at_two_gateways_is_noticed_and_the_later_one_waits(two: Two) -> None:
    gw1, gw2 = two.gw1, two.gw2
    first = gw2.add(gw2.service().target, name="copied")
    second = gw1.add(gw1.service().target, name="copied")
    paths = [gateway.add(gateway.service().target, name="meant") for gateway in (gw1, gw2)]
    earlier = gw2.connect(first, "hold", "aaaa")
    gw2.await_up(first)
    with (
        told(gw2.layout, "gw2", gw1.layout),
        told(gw1.layout, "gw1", gw2.layout),
        earlier.beating(1),
    ):
        meant = [
            gateway.connect(device, "hold", f"word.{number}")
            for gateway, device, number in zip((gw1, gw2), paths, (1, 2), strict=True)
        ]
        later = gw1.connect(second, "hold", "bbbb")
        session = gw1.await_up(second)

        assert until(later.beat, "its beats are answered with a wait") == 10

        event = gw1.await_event(EventKind.CLONE, second)
        assert event.text.startswith("instance bbbb from 127.0.0.1 is connected here, and since")
        assert "at gw2 (aaaa from 127.0.0.1)" in event.text
        assert event.text.endswith("It must wait 10 s")
        assert is_alive(session), "nobody is killed for it"
        assert [one.beat() for one in meant] == [0, 0], "two paths are as meant"
    assert earlier.beat() == 0
    assert not gw2.events(kind=EventKind.CLONE)
    assert {event.node for event in gw1.events(kind=EventKind.CLONE)} == {"copied"}
