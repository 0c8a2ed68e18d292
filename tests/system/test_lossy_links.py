"""A deep queue that overflows: what follows a lost segment is in order only once that one has
passed the whole queue again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from checker.model import EventKind
from tests.programs import require
from tests.system.accounts import Mode
from tests.system.bulk import Bulk, Transfer
from tests.system.harness import gateway_at
from tests.system.network import DEVICE, GATEWAY, GATEWAY_HOST, Network, network

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(240)]
WAYS = {GATEWAY: "10.213.1.254", DEVICE: "10.213.2.254"}
BYTES = 2_500_000


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """The usual network; every sender fills the queue until it overflows, as Linux does unless it
    is told to use BBR.
    """
    require("ip", "tc", "unshare", "nsenter")
    if os.geteuid() != 0:
        pytest.skip("a network namespace takes root")
    with network() as found:
        for place, way in WAYS.items():
            found.ip(place, "route", "replace", "default", "via", way, "congctl", "reno")
        yield found


def drops(net: Network, place: int) -> int:
    """Packets from this place that found the queue full."""
    asked = [*net.inside(1), "tc", "-s", "qdisc", "show", "dev", net.beyond(place)]
    words = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    return int(words[words.index("(dropped") + 1].rstrip(","))


@pytest.mark.parametrize(
    ("word", "sender"),
    [pytest.param("get", DEVICE, id="up"), pytest.param("put", GATEWAY, id="down")],
)
def test_a_transfer_that_loses_segments_in_a_deep_queue_arrives_whole_and_its_tunnel_is_spared(
    net: Network, usual: Mode, word: str, sender: int
) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(
            gateway_at(usual, inside=net.inside(GATEWAY), host=GATEWAY_HOST)
        )
        gateway.up()
        target = Bulk(net.inside(DEVICE))
        stack.callback(target.close)
        device = replace(
            gateway.add(f"127.0.0.1:{target.port},banner:SSH-2.0"), inside=net.inside(DEVICE)
        )
        stack.callback(gateway.connect_unheard(device).close)
        session = gateway.await_up(device)
        net.shape(sender, rate="512kbit", limit="700kb")
        stack.callback(net.unshape, sender)
        transfer = Transfer(word, device.ports[0], BYTES, net.inside(GATEWAY))
        stack.callback(transfer.close)

        moved = transfer.moved(within_s=180)

        assert drops(net, sender), "nothing was lost"
        assert moved == BYTES
        assert gateway.await_up(device) == session
        assert not gateway.events(device, EventKind.KILL)
