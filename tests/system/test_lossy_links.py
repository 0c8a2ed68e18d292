"""A deep queue that overflows: bytes after a lost segment wait until it passes the queue again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from checker.model import EventKind
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.bulk import Bulk, Transfer
from tests.system.clients import Device
from tests.system.devices import DROPBEAR, OPENSSH, Boxes, Kit, start_far
from tests.system.harness import Gateway, gateway_at
from tests.system.network import DEVICE, GATEWAY, GATEWAY_HOST, Network, network

pytestmark = pytest.mark.sshd
WAYS = {GATEWAY: "10.213.1.254", DEVICE: "10.213.2.254"}
BYTES = 2_500_000
PATIENT = "4"
"""A third of a segment's wait in the queue, the same ratio as the default for 1 MB at 64 kbit/s."""
CLIENTS = (None, OPENSSH, DROPBEAR)
"""None is a plain `ssh -R`."""
Lane = tuple[Network, Gateway]


@pytest.fixture(scope="module")
def lanes(usual: Mode) -> Iterator[list[Lane]]:
    """A link and a gateway for each client.

    Every sender fills the queue until it overflows, as Linux does unless it is told to use BBR.
    """
    require("ip", "tc", "unshare", "nsenter")
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    with ExitStack() as stack:
        found = []
        for _ in CLIENTS:
            net = stack.enter_context(network())
            for place, way in WAYS.items():
                net.ip(place, "route", "replace", "default", "via", way, "congctl", "reno")
            gateway = stack.enter_context(
                gateway_at(usual, inside=net.inside(GATEWAY), host=GATEWAY_HOST)
            )
            gateway.up()
            found.append((net, gateway))
        yield found


def drops(net: Network, place: int) -> int:
    """The packets from this place that found the queue full."""
    asked = [*net.inside(1), "tc", "-s", "qdisc", "show", "dev", net.beyond(place)]
    words = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    return int(words[words.index("(dropped") + 1].rstrip(","))


def connected(lane: Lane, kit: Kit | None, boxes: Boxes, stack: ExitStack) -> Device:
    """Connect a device of that kind to the lane's gateway until the stack is closed."""
    net, gateway = lane
    target = stack.enter_context(closing(Bulk(net.inside(DEVICE))))
    if kit is not None:
        box = boxes(kit)
        stack.callback(box.stop)
        return start_far(net, gateway, box, kit, target.port, QUIET=PATIENT)
    device = replace(
        gateway.add(f"127.0.0.1:{target.port},banner:SSH-2.0"), inside=net.inside(DEVICE)
    )
    stack.enter_context(closing(gateway.connect_unheard(device)))
    return device


@pytest.mark.parametrize(
    ("word", "sender"),
    [pytest.param("get", DEVICE, id="up"), pytest.param("put", GATEWAY, id="down")],
)
def test_a_lossy_transfer_through_a_deep_queue_arrives_whole_and_its_tunnel_is_spared(
    lanes: list[Lane], boxes: Boxes, word: str, sender: int
) -> None:
    with ExitStack() as stack:
        devices = [
            connected(lane, kit, boxes, stack) for lane, kit in zip(lanes, CLIENTS, strict=True)
        ]
        sessions = [
            gateway.await_up(device) for (_, gateway), device in zip(lanes, devices, strict=True)
        ]
        for net, _ in lanes:
            net.shape(sender, rate="512kbit", limit="700kb")
            stack.callback(net.unshape, sender)

        transfers = [
            Transfer(word, device.ports[0], BYTES, net.inside(GATEWAY))
            for (net, _), device in zip(lanes, devices, strict=True)
        ]
        for transfer in transfers:
            stack.callback(transfer.close)
        moved = [transfer.moved(within_s=400) for transfer in transfers]

        assert all(drops(net, sender) for net, _ in lanes), "nothing was lost"
        assert moved == [BYTES] * len(lanes)
        assert [
            gateway.await_up(device) for (_, gateway), device in zip(lanes, devices, strict=True)
        ] == sessions
        assert not [
            event
            for (_, gateway), device in zip(lanes, devices, strict=True)
            for event in gateway.events(device, EventKind.KILL)
        ]
