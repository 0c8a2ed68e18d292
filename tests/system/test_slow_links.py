"""Slow links: a plain `ssh -R` with bulk or late answers is spared; a dead one is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from checker.model import EventKind, Status
from tests.system.bulk import Bulk, Transfer
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway
from tests.system.network import DEVICE, DEVICE_HOSTS, GATEWAY, Network
from tests.system.ports import accepts
from tests.system.relay import relay
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
LINK = DEVICE_HOSTS[0]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def slow(
    net: Network, far_gateway: Gateway, stack: ExitStack
) -> Callable[[str], tuple[Device, Connection]]:
    """Start a device with a plain `ssh -R`, wait until it is up, then slow its link down."""

    def connected(rate: str) -> tuple[Device, Connection]:
        target = Bulk(net.inside(DEVICE))
        stack.callback(target.close)
        device = replace(
            far_gateway.add(f"127.0.0.1:{target.port},banner:SSH-2.0"), inside=net.inside(DEVICE)
        )
        connection = far_gateway.connect_unheard(device)
        stack.callback(connection.close)
        far_gateway.await_up(device)
        for place in (GATEWAY, DEVICE):
            net.shape(place, rate=rate, limit="64kb")
            stack.callback(net.unshape, place)
        return device, connection

    return connected


def waits(gateway: Gateway, device: Device, transfer: Transfer) -> bool:
    """Whether a probe now waits behind the transfer and is excused; fail if the transfer ends
    first.
    """
    assert transfer.under_way
    return "waits behind" in gateway.probe(device)


def test_bulk_both_ways_arrives_whole_and_its_tunnel_is_spared(
    net: Network,
    far_gateway: Gateway,
    slow: Callable[[str], tuple[Device, Connection]],
    stack: ExitStack,
) -> None:
    device, _ = slow("256kbit")
    session = far_gateway.tunnel(device).session
    transfers = [
        Transfer(word, device.ports[0], 250_000, net.inside(GATEWAY)) for word in ("get", "put")
    ]
    for transfer in transfers:
        stack.callback(transfer.close)

    until(lambda: waits(far_gateway, device, transfers[1]), "a probe waits behind bulk")
    excused = far_gateway.tunnel(device)
    moved = [transfer.moved() for transfer in transfers]

    assert moved == [250_000, 250_000]
    assert (excused.status, excused.strikes, excused.verdict) == (Status.UP, 0, 0)
    assert far_gateway.await_up(device) == session
    assert not far_gateway.events(device, EventKind.KILL)


@pytest.mark.parametrize(
    ("word", "how"), [("put", "its client is stopped"), ("get", "the network swallows it")]
)
def test_a_device_that_dies_during_bulk_is_killed_and_its_port_freed(
    net: Network,
    far_gateway: Gateway,
    slow: Callable[[str], tuple[Device, Connection]],
    stack: ExitStack,
    word: str,
    how: str,
) -> None:
    device, connection = slow("1mbit")
    transfer = Transfer(word, device.ports[0], 20_000_000, net.inside(GATEWAY))
    stack.callback(transfer.close)
    until(lambda: waits(far_gateway, device, transfer), "a probe waits behind bulk")

    if how == "its client is stopped":
        connection.freeze()
    else:
        net.swallow(LINK)
        stack.callback(net.pass_again, LINK)

    far_gateway.await_event(EventKind.KILL, device)
    assert far_gateway.await_status(device, Status.DOWN).kills == 1


def test_a_slow_answer_is_awaited_and_a_dead_tunnel_is_killed(
    gateway: Gateway, stack: ExitStack
) -> None:
    link = stack.enter_context(relay(gateway.ssh_port, "--up", "0.3", "--down", "1.2"))
    device = replace(gateway.add(gateway.service().target), ssh_port=link.port)
    gateway.connect_unheard(device)
    until(lambda: accepts(device.ports[0]), "the device logs in")

    session = gateway.await_up(device)
    came_up = gateway.tunnel(device)
    until(
        lambda: (gateway.tunnel(device).probed_at or 0) > (came_up.probed_at or 0) + 6,
        "one or two more sweeps",
    )
    later = gateway.tunnel(device)
    link.freeze()
    gateway.await_event(EventKind.KILL, device)

    assert (later.status, later.session, later.kills) == (Status.UP, session, 0)
    assert (later.latency_ms or 0) >= 1500
    assert not accepts(device.ports[0])
