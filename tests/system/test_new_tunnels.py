"""A new tunnel is seen long before its turn, though its client does not register."""

from __future__ import annotations

import pytest

from checker.model import Status
from tests.system.accounts import Mode
from tests.system.harness import gateway_at

pytestmark = pytest.mark.sshd
HOUR = "probe_every_s = 3600\nprobe_beating_every_s = 3600\n"


def test_a_tunnel_of_a_plain_ssh_is_seen_an_hour_before_its_turn(usual: Mode) -> None:
    with gateway_at(usual, policy=HOUR) as gateway:
        gateway.up()
        device = gateway.add(gateway.service().target)
        gateway.await_status(device, Status.DOWN)

        gateway.connect_unheard(device)

        gateway.await_status(device, Status.UP)
