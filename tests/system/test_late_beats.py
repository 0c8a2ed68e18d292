"""A tunnel that beats is probed seldom; at once when its beat is late, or its connection ends."""

from __future__ import annotations

from functools import partial

import pytest

from checker.model import EventKind, Status
from tests.system.accounts import Mode
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
SELDOM = "probe_every_s = 1800\nprobe_beating_every_s = 3600\ndeadline_s = 1\nstrike_gap_s = 0.5\n"
"""The next probe would come in an hour."""


def keeps_time(gateway: Gateway, device: Device) -> bool:
    """Probe; return whether the gateway knows the rhythm of the beats by now."""
    gateway.probe(device)
    due_s = gateway.tunnel(device).due_s
    return due_s is not None and due_s > 3600


def tunnelled(gateway: Gateway) -> tuple[Device, Connection]:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    gateway.await_up(device)
    return device, connection


def test_a_hang_and_an_end_are_noticed_long_before_the_next_probe(usual: Mode) -> None:
    with gateway_at(usual, policy=SELDOM) as gateway:
        gateway.up()
        (hung, frozen), (gone, leaving) = tunnelled(gateway), tunnelled(gateway)
        with frozen.beating(every_s=0.5), leaving.beating(every_s=0.5):
            for device in (hung, gone):
                until(partial(keeps_time, gateway, device), "the rhythm is known")

        frozen.freeze()
        leaving.vanish()

        gateway.await_status(gone, Status.DOWN)
        event = gateway.await_event(EventKind.KILL, hung)
        assert "hung: nothing came in" in event.text
        assert not gateway.events(gone, EventKind.KILL)
