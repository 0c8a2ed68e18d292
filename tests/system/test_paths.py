"""Devices with a tunnel to each of two gateways: real clients, real sshds, real daemons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from checker.model import EventKind, ProcessId, Status
from checker.model.instance import path_in
from checker.registry.reading import read_registry
from tests.bundles import Box
from tests.system.accounts import Mode
from tests.system.bulk import Bulk
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, built, kill
from tests.system.harness import FAST, Gateway, gateway_at
from tests.system.network import DEVICE, GATEWAY, GATEWAY_HOST, ROUTER, Network
from tests.system.processes import end_all
from tests.system.python_client import Echo
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.shell]
ROUTER_HOST = "10.213.1.254"
KITS = [pytest.param(OPENSSH, id="openssh"), pytest.param(DROPBEAR, id="dropbear")]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two gateways that know the same nodes, each in its own network namespace."""

    net: Network
    one: Gateway
    two: Gateway

    def add(self, target: int) -> Device:
        """Register a node at both; return it as the first knows it."""
        device = self.one.add(f"127.0.0.1:{target},open")
        node = read_registry(self.one.layout.nodes).node(device.node)
        key = self.two.folder / f"{node.name}.pub"
        key.write_text(f"{node.public_key}\n", encoding="ascii")
        forward = f"{device.ports[0]}=127.0.0.1:{target},open"
        self.two.ok("node", "add", node.name, "--forward", forward, "--public-key", str(key))
        return device

    def gateways(self) -> list[str]:
        """The options that name both for `build`."""
        found = {"gw1": self.one, "gw2": self.two}
        return [
            word
            for id_, gateway in found.items()
            for word in (
                "--gateway",
                f"{id_}={gateway.host}:{gateway.ssh_port}",
                "--host-key",
                f"{id_}={gateway.layout.host_key.with_suffix('.pub')}",
            )
        ]


@pytest.fixture
def pair(net: Network, usual: Mode) -> Iterator[Pair]:
    net.ip(ROUTER, "link", "set", "lo", "up")
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(gateway_at(usual, policy=FAST, inside=net.inside(place), host=host))
            for place, host in ((GATEWAY, GATEWAY_HOST), (ROUTER, ROUTER_HOST))
        )
        one.up()
        two.up()
        yield Pair(net=net, one=one, two=two)


def path_bundle(
    gateway: Gateway, device: Device, box: Box, kit: Kit, path: int, *options: str
) -> Path:
    name = f"path{path}.sh"
    return built(gateway, device, box, kit, "--path", str(path), *options, name=name)


def die(gateway: Gateway) -> None:
    """End all processes of a gateway at once."""
    assert gateway.daemon is not None
    daemon = psutil.Process(gateway.daemon.pid)
    children = daemon.children(recursive=True)
    daemon.kill()
    gateway.daemon.wait()
    assert gateway.daemon.stdout is not None
    gateway.daemon.stdout.close()
    end_all(children)


def stop(box: Box) -> None:
    """End both services of a device."""
    for process in box.started:
        process.terminate()
    for process in box.started:
        process.wait(150)
    box.await_nothing_left()


def instance(gateway: Gateway, session: ProcessId) -> str:
    def fact() -> str:
        with closing(gateway.state()) as state:
            found = {one.session: one.instance for one in state.registrations()}
        return found.get(session, "")

    return until(fact, "its hold is registered")


def test_a_gateway_that_dies_costs_only_its_own_tunnel(pair: Pair, boxes: Boxes) -> None:
    one, two = pair.one, pair.two
    with closing(Bulk(pair.net.inside(DEVICE))) as target:
        found = []
        for kit in (OPENSSH, DROPBEAR):
            box, device = boxes(kit), pair.add(target.port)
            for path in (1, 2):
                file = path_bundle(one, device, box, kit, path, *pair.gateways())
                box.start(file, inside=pair.net.inside(DEVICE))
            found.append((box, device, one.await_up(device), two.await_up(device)))
        for _, _, first, second in found:
            words = instance(one, first), instance(two, second)
            assert tuple(map(path_in, words)) == (1, 2), words
            assert words[0][:-2] == words[1][:-2]
        since = [two.tunnel(device).since for _, device, _, _ in found]

        die(one)

        for box, device, _, second in found:
            box.await_state("waiting", device.node)
            assert box.state(f"{device.node}_2")["state"] == "up"
            assert not is_gone(second)
        one.up()
        for _, device, first, second in found:
            assert one.await_up(device, after=first) != first
            assert two.await_up(device) == second
            assert not is_gone(second)
        assert [two.tunnel(device).since for _, device, _, _ in found] == since
        for gateway in (one, two):
            assert gateway.events(kind=EventKind.CLONE) == ()
        for box, *_ in found:
            stop(box)


@pytest.mark.parametrize("kit", KITS)
def test_two_paths_that_meet_at_one_gateway_do_no_harm(
    gateway: Gateway, boxes: Boxes, echo: Echo, kit: Kit
) -> None:
    """Somebody gave one gateway two IDs."""
    box, device = boxes(kit), gateway.add(f"127.0.0.1:{echo.port},open")
    both = [
        word
        for id_, host in (("gw1", "127.0.0.1"), ("gw2", "localhost"))
        for word in ("--gateway", f"{id_}={host}:{gateway.ssh_port}")
    ]
    first, second = (path_bundle(gateway, device, box, kit, path, *both) for path in (1, 2))
    box.start(first)
    held = gateway.await_up(device)
    before = box.await_state("up", device.node)

    box.start(second)

    box.await_state("waiting", f"{device.node}_2", saying="asks to wait 60 s")
    assert gateway.tunnel(device).status is Status.UP
    assert not is_gone(held)
    assert box.state(device.node) == before
    assert gateway.tunnel(device).kills == 0
    assert gateway.events(device, EventKind.CLONE) == ()
    assert "two devices" not in gateway.tunnel(device).detail
    kill(gateway, device)
    gateway.await_up(device, after=held)
    assert gateway.events(device, EventKind.CLONE) == ()
    stop(box)
