"""A hung tunnel is found and killed in each way to run a gateway; a healthy one never is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psutil
import pytest

from checker.model import EventKind, ProcessId, Status
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.conftest import MODES
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts
from tests.system.seen import is_gone
from tests.system.services import Traffic
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnelled:
    """A device whose tunnel was up, and the time since when we watch."""

    device: Device
    connection: Connection
    session: ProcessId
    seen_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A gateway with a healthy tunnel, and a tunnel whose client was stopped."""

    gateway: Gateway
    healthy: Tunnelled
    frozen: Tunnelled


def tunnelled(gateway: Gateway) -> Tunnelled:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    session = gateway.await_up(device)
    return Tunnelled(
        device=device,
        connection=connection,
        session=session,
        seen_at=gateway.tunnel(device).probed_at or 0,
    )


@pytest.fixture(scope="module")
def scenes(mode_of: Callable[[str], Mode]) -> Iterator[dict[str, Scene]]:
    """A scene in each possible mode, all at once, so that their sweeps take the time of one."""
    with ExitStack() as stack:
        found = {}
        for name in MODES if os.geteuid() == 0 else ("ordinary",):
            gateway = stack.enter_context(gateway_at(mode_of(name)))
            gateway.up()
            found[name] = Scene(
                gateway=gateway, healthy=tunnelled(gateway), frozen=tunnelled(gateway)
            )
            found[name].frozen.connection.freeze()
        yield found


@pytest.fixture(params=MODES)
def scene(request: pytest.FixtureRequest, scenes: dict[str, Scene]) -> Scene:
    """Each mode in turn."""
    if request.param not in scenes:
        pytest.skip(f"mode {request.param} needs root")
    return scenes[request.param]


@pytest.fixture
def gateway(scenes: dict[str, Scene]) -> Gateway:
    """The gateway of the usual mode."""
    return (scenes.get("root-for-tunnel-user") or scenes["ordinary"]).gateway


def test_a_hung_tunnel_is_killed_and_comes_back(scene: Scene) -> None:
    gateway, hung = scene.gateway, scene.frozen

    event = gateway.await_event(EventKind.KILL, hung.device)
    until(lambda: is_gone(hung.session), "the session ended")
    until(lambda: not accepts(hung.device.ports[0]), "the port is free")

    expected = (
        rf"killed sshd process {hung.session.pid}, the port is free; hung: nothing came in \d+ s,"
        r" [23] probes in a row"
    )
    assert re.fullmatch(expected, event.text)
    assert (event.actor, event.port) == ("daemon", hung.device.ports[0])
    down = gateway.await_status(hung.device, Status.DOWN)
    assert (down.kills, down.verdict, down.session) == (1, 1, None)
    assert any("up -> hung" in seen.text for seen in gateway.events(hung.device, EventKind.STATUS))

    hung.connection.thaw()
    assert hung.connection.ended() != 0
    gateway.connect(hung.device)
    gateway.await_up(hung.device, after=hung.session)


def test_the_holder_and_the_peer_of_a_healthy_tunnel_are_known(scene: Scene) -> None:
    tunnel = scene.gateway.tunnel(scene.healthy.device)

    assert (tunnel.peer or "").startswith("127.0.0.1")
    assert tunnel.session == scene.healthy.session
    assert not is_gone(scene.healthy.session)


def test_a_hung_port_is_freed_although_it_is_busy(gateway: Gateway) -> None:
    busy = tunnelled(gateway)
    busy.connection.freeze()
    traffic = Traffic(busy.device.ports[0], every_s=0.5)

    try:
        gateway.await_event(EventKind.KILL, busy.device)
        assert gateway.await_status(busy.device, Status.DOWN).kills == 1
    finally:
        traffic.close()
    assert traffic.connected > 1


def test_the_holder_and_peer_of_a_tunnel_without_hold_are_found_by_its_sockets(
    gateway: Gateway,
) -> None:
    if not gateway.mode.is_privileged:
        pytest.skip("only root sees the sockets of an sshd session")
    device = gateway.add(gateway.service().target)
    connection = gateway.connect_unheard(device)
    until(lambda: gateway.probe(device) == "up", "the tunnel is up")
    peer = until(lambda: gateway.tunnel(device).peer, "its peer is known")
    ends = {
        f"{end.laddr.ip}:{end.laddr.port}"
        for end in psutil.Process(connection.process.pid).net_connections()
    }

    sentence = gateway.hang(device, connection)

    assert peer in ends
    assert sentence.startswith("down: killed sshd process")
    assert not accepts(device.ports[0])


def test_one_kill_frees_each_forward_of_a_hung_connection(gateway: Gateway) -> None:
    service = gateway.service()
    device = gateway.add(service.target, service.target, service.target)
    connection = gateway.connect(device)
    for number in range(3):
        gateway.await_up(device, number)

    gateway.hang(device, connection)

    assert not any(accepts(port) for port in device.ports)
    assert device.verdict("check") == 1
    assert len(gateway.events(device, EventKind.KILL)) == 1


def test_a_healthy_tunnel_is_never_killed(scene: Scene) -> None:
    gateway, healthy = scene.gateway, scene.healthy

    until(
        lambda: (gateway.tunnel(healthy.device).probed_at or 0) > healthy.seen_at + 15,
        "three more sweeps",
    )

    tunnel = gateway.tunnel(healthy.device)
    assert (tunnel.status, tunnel.session, tunnel.kills, tunnel.failures) == (
        Status.UP,
        healthy.session,
        0,
        0,
    )
    assert not gateway.events(healthy.device, EventKind.KILL)
    assert healthy.connection.beat() == 0
