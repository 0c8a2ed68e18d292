"""The network drops all packets, and neither end notices: the port is freed, the device returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from checker.model import EventKind, Status
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.network import DEVICE, DEVICE_HOSTS, Network
from tests.system.seen import is_gone
from tests.system.services import Stranger
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
OLD_LINK, NEW_LINK = DEVICE_HOSTS


@pytest.fixture
def device(net: Network, far_gateway: Gateway) -> Iterator[Device]:
    """A registered device in the third namespace, with its target there; its link is restored
    afterwards.
    """
    target = Stranger(0, banner="SSH-2.0-far\r\n", inside=net.inside(DEVICE))
    try:
        found = far_gateway.add(f"127.0.0.1:{target.port},banner:SSH-2.0")
        yield replace(found, inside=net.inside(DEVICE))
    finally:
        net.pass_again(OLD_LINK)
        target.close()


def test_a_stale_port_is_taken_over_at_once_by_the_same_instance(
    net: Network, far_gateway: Gateway, device: Device
) -> None:
    far_gateway.connect(device, "hold", "box", options=("-b", OLD_LINK))
    stale = far_gateway.await_up(device)
    far_gateway.await_registered(device)
    net.swallow(OLD_LINK)

    claimed = device.ask("claim", "box", options=("-T", "-b", NEW_LINK))
    fresh = far_gateway.connect(device, "hold", "box", options=("-b", NEW_LINK))

    assert (claimed.returncode, claimed.stdout) == (0, "0\n")
    assert is_gone(stale)
    why = "claimed by a new connection of the same instance"
    assert why in far_gateway.await_event(EventKind.KILL, device).text
    assert fresh.beat() == 0
    far_gateway.await_up(device, after=stale)
    assert (far_gateway.tunnel(device).peer or "").startswith(NEW_LINK)


def test_a_tunnel_in_a_black_hole_is_killed_and_its_port_freed_without_the_device(
    net: Network, far_gateway: Gateway, device: Device
) -> None:
    far_gateway.connect(device, options=("-b", OLD_LINK))
    stale = far_gateway.await_up(device)

    net.swallow(OLD_LINK)

    far_gateway.await_event(EventKind.KILL, device)
    until(lambda: is_gone(stale), "the session ended")
    assert far_gateway.await_status(device, Status.DOWN).kills == 1
