"""Each of the two tunnels of a node goes home by itself, after its gateway died: real bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from checker.fleet.cards import Card, card_text
from checker.fleet.placement import order_of
from checker.model import EventKind, NodeName, ProcessId, parse_public_key
from checker.model.instance import path_in
from checker.registry.reading import read_registry
from client.paths import tunnel_name
from tests.bundles import Box
from tests.fleet.fleet_mirrors import make_member, told
from tests.strategies import public_key
from tests.system.accounts import Mode
from tests.system.bulk import Bulk
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, GATEWAY_HOST, ROUTER, Network
from tests.system.seen import is_gone
from tests.system.test_paths import ROUTER_HOST, die, instance, path_bundle, stop
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.shell]
SOON = "return_after_s = 2\n"


@dataclass(frozen=True, kw_only=True)
class Three:
    """The gateways of a fleet that run, each in a network namespace; the spare's is the device's,
    as no two may share their ports.
    """

    gw1: Gateway
    gw2: Gateway
    spare: Gateway
    cards: tuple[Card, ...]
    """In the order of the nodes: path 1 has the first and the third gateway, path 2 the others. The
    spare is the last one. The third of four never runs.
    """

    @property
    def ids(self) -> list[str]:
        return [card.id for card in self.cards]

    def names(self) -> Iterator[str]:
        """Names of nodes that have the gateways in this order."""
        for name in (f"n{number}" for number in count()):
            if order_of(NodeName(name), self.cards) == self.cards:
                yield name

    def add(self, name: str, target: int) -> Device:
        """Register a node with two tunnels at each; return it as the first knows it."""
        device = self.gw1.add(f"127.0.0.1:{target},open", name=name)
        node = read_registry(self.gw1.layout.nodes).node(name)
        forward = f"{device.ports[0]}=127.0.0.1:{target},open"
        for gateway in (self.gw2, self.spare):
            key = gateway.folder / f"{name}.pub"
            key.write_text(f"{node.public_key}\n", encoding="ascii")
            gateway.ok("node", "add", name, "--forward", forward, "--public-key", str(key))
        self.gw1.ok("node", "sign", name, "--paths", "2")
        return device

    def publish(self) -> None:
        """Put addresses and host keys on the cards from which the first one builds."""
        running = {"gw1": self.gw1, "gw2": self.gw2, self.ids[-1]: self.spare}
        for card in self.cards:
            place, key = "10.213.1.9:22", public_key(9)
            if card.id in running:
                gateway = running[card.id]
                public = gateway.layout.host_key.with_suffix(".pub").read_text(encoding="ascii")
                place, key = f"{gateway.host}:{gateway.ssh_port}", parse_public_key(public)
            text = card_text(replace(card, addresses=(place,), host_keys=(key,)))
            (self.gw1.layout.fleet / "gateways" / f"{card.id}.toml").write_bytes(text)


@pytest.fixture
def ids(request: pytest.FixtureRequest) -> list[str]:
    """The IDs of as many gateways as the parameter says."""
    return [f"gw{number}" for number in range(1, request.param + 1)]


@pytest.fixture
def three(net: Network, usual: Mode, ids: list[str]) -> Iterator[Three]:
    net.ip(ROUTER, "link", "set", "lo", "up")
    places = ((GATEWAY, GATEWAY_HOST), (ROUTER, ROUTER_HOST), (DEVICE, DEVICE_HOSTS[0]))
    with ExitStack() as stack:
        gw1, gw2, spare = (
            stack.enter_context(gateway_at(usual, policy=FAST, inside=net.inside(place), host=host))
            for place, host in places
        )
        for gateway, id_ in ((gw1, "gw1"), (gw2, "gw2"), (spare, ids[-1])):
            cards = make_member(gateway.layout, id_, ids, SOON)
            gateway.up()
        yield Three(gw1=gw1, gw2=gw2, spare=spare, cards=cards)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A device with both tunnels."""

    box: Box
    device: Device
    lost: ProcessId
    """The one whose gateway dies."""
    other: ProcessId

    def gateway_of(self, path: int) -> str:
        """The gateway of one of its tunnels, as the device says."""
        found = self.box.state(tunnel_name(self.device.node, path))
        return found["gateway"].partition("=")[0]


def ids_in(bundle: Path) -> list[str]:
    """The gateways that a bundle names."""
    found = re.search(r"(?m)^GATEWAYS='?([^'\n]*)", bundle.read_text())
    assert found
    return [one.partition("=")[0] for one in found[1].split()]


@pytest.mark.parametrize(
    ("ids", "lost", "lists"),
    [
        pytest.param(3, 1, [["gw1", "gw3"], ["gw2"]], id="path 1"),
        pytest.param(4, 2, [["gw1", "gw3"], ["gw2", "gw4"]], id="path 2"),
    ],
    indirect=["ids"],
)
def test_a_tunnel_goes_to_the_rest_of_its_list_and_home_again(
    three: Three, net: Network, boxes: Boxes, lost: int, lists: list[list[str]]
) -> None:
    homes, spare, names = {1: three.gw1, 2: three.gw2}, three.spare, three.names()
    home, other, spare_id = homes.pop(lost), homes.popitem()[1], three.ids[-1]
    other_id = f"gw{3 - lost}"
    with closing(Bulk(net.inside(DEVICE))) as target, told(other.layout, other_id, spare.layout):
        pairs = [
            (boxes(kit), kit, three.add(next(names), target.port)) for kit in (OPENSSH, DROPBEAR)
        ]
        three.publish()
        all_ = []
        with told(home.layout, f"gw{lost}", spare.layout):
            for box, kit, device in pairs:
                bundles = [path_bundle(three.gw1, device, box, kit, path) for path in (1, 2)]
                assert list(map(ids_in, bundles)) == lists
                for bundle in bundles:
                    box.start(bundle, inside=net.inside(DEVICE))
                first, second = home.await_up(device), other.await_up(device)
                all_.append(Kept(box=box, device=device, lost=first, other=second))
        since = [other.tunnel(one.device).since for one in all_]

        die(home)

        for one in all_:
            guest = spare.await_up(one.device)
            assert path_in(instance(spare, guest)) == lost
            until(lambda one=one: one.gateway_of(lost) == spare_id, "it is a guest")  # type: ignore[misc]
        home.up()
        with told(home.layout, f"gw{lost}", spare.layout):
            for one in all_:
                back = home.await_up(one.device, after=one.lost)
                assert path_in(instance(home, back)) == lost
                until(lambda one=one: one.gateway_of(lost) == f"gw{lost}", "it is at home")  # type: ignore[misc]

                (event,) = spare.events(one.device, EventKind.MOVE)
                well = re.match(
                    rf"sent home to gw{lost}, which has been well for (\d+) s", event.text
                )
                assert well
                assert int(well[1]) >= 2
        for one in all_:
            assert other.await_up(one.device) == one.other
            assert not is_gone(one.other)
            name = tunnel_name(one.device.node, lost)
            were = re.findall(rf"(?m)^{name}: up, at (\w+)=", one.box.log())
            assert set(were) == {f"gw{lost}", spare_id}
        assert [other.tunnel(one.device).since for one in all_] == since
        for gateway in (home, other, spare):
            assert gateway.events(kind=EventKind.CLONE) == ()
        for one in all_:
            stop(one.box)
