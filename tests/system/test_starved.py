"""A starved gateway does not mistake its own delay for a node's silence."""

from __future__ import annotations

import os
import signal
import time

import pytest

from checker.model import EventKind, Status
from tests.system.harness import Gateway
from tests.system.seen import is_gone
from tests.system.services import Manner
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
STARVED_S = 2.5
"""Longer than the deadline (1 s) and the allowed lateness (1 s) together."""


def starve(gateway: Gateway) -> None:
    """Stop the daemon for a while, as a starved machine would. This is the stimulus, not a wait."""
    assert gateway.daemon is not None
    os.kill(gateway.daemon.pid, signal.SIGSTOP)
    time.sleep(STARVED_S)
    os.kill(gateway.daemon.pid, signal.SIGCONT)


def test_silence_while_the_gateway_starves_does_not_count_as_a_strike(own_gateway: Gateway) -> None:
    own_gateway.up()
    service = own_gateway.service()
    device = own_gateway.add(service.target)
    own_gateway.connect_unheard(device)
    session = own_gateway.await_up(device)

    service.manner = Manner.SILENT
    for _ in range(2):
        visits = service.visits
        until(lambda before=visits: service.visits > before, "a probe runs")  # type: ignore[misc]
        starve(own_gateway)
    service.manner = Manner.ANSWERS

    own_gateway.await_status(device, Status.UP)
    assert not is_gone(session)
    kinds = [event.kind for event in own_gateway.events(device)]
    assert EventKind.KILL not in kinds
