"""When the gateway itself may be why it hears nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from checker.model import Flow, Policy, ProcessId, Silent, Status, Tunnel
from checker.tunnels.deafness import EXCUSES_S, Clocks, Deafness, with_deafness
from checker.tunnels.observation import Observation
from checker.tunnels.pace import LONGEST_SILENCE_S
from checker.tunnels.patience import Patience
from checker.tunnels.port_owner import Owner
from tests.strategies import FORWARD, OFFICE, PORT

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 10_000.0
FLOW = Flow(acked=0, received=0, heard_ago_s=20.0)


def sessions(count: int) -> Iterable[ProcessId]:
    return (ProcessId(pid=10 + number, start_ticks=1) for number in range(count))


def missed(count: int, ago_s: float = 0.0) -> Deafness:
    deafness = Deafness()
    for session in sessions(count):
        deafness.miss(session, NOW - ago_s)
    return deafness


@pytest.mark.parametrize(
    ("deafness", "connections", "likely"),
    [
        pytest.param(missed(0), 1000, False, id="all are reached"),
        pytest.param(missed(2), 2, False, id="few devices, which may all be off"),
        pytest.param(missed(3), 20, True, id="three of twenty vanish"),
        pytest.param(missed(99), 1000, False, id="less than a tenth"),
        pytest.param(missed(100), 1000, True, id="a tenth of many"),
        pytest.param(missed(100, ago_s=EXCUSES_S + 1), 1000, False, id="long ago"),
    ],
)
def test_many_that_vanish_at_once_speak_for_the_gateways_own_link(
    deafness: Deafness, connections: int, *, likely: bool
) -> None:
    assert deafness.is_likely(NOW, connections) == likely


def test_a_gateway_that_slept_is_patient_for_a_while() -> None:
    deafness = Deafness()
    deafness.slept_at = NOW

    assert deafness.is_likely(NOW + EXCUSES_S, 5)
    assert not deafness.is_likely(NOW + EXCUSES_S + 1, 5)


@pytest.mark.parametrize(
    ("wall_s", "passed_s", "found"),
    [
        pytest.param(0.25, 0.25, (False, False), id="nothing happened"),
        pytest.param(0.75, 0.25, (False, False), id="corrected a little"),
        pytest.param(3600.0, 0.25, (True, False), id="set forward, or the machine slept"),
        pytest.param(-3600.0, 0.25, (True, False), id="set back"),
        pytest.param(30.0, 30.0, (False, True), id="the process stood still"),
    ],
)
def test_both_clocks_tell_jumps_and_sleep(
    wall_s: float, passed_s: float, found: tuple[bool, bool]
) -> None:
    clocks = Clocks(1e9, NOW)

    assert clocks.look(1e9 + wall_s, NOW + passed_s) == found
    assert clocks.look(1e9 + wall_s + 0.25, NOW + passed_s + 0.25) == (False, False)


def test_deafness_lengthens_a_silence_but_not_one_that_an_admin_made_short() -> None:
    assert with_deafness(17.0, deaf=True) == LONGEST_SILENCE_S
    assert with_deafness(17.0, deaf=False) == 17.0
    assert with_deafness(5.0, deaf=True) == 5.0


def test_only_devices_whose_kernel_is_not_reached_count() -> None:
    patience = Patience(Policy())
    seen = Observation(
        reply=Silent(), owner=Owner.OURS, expect=FORWARD.expect, deadline_s=5.0, flow=FLOW
    )

    for session in sessions(6):
        struck = Tunnel(node=OFFICE, port=PORT, session=session, status=Status.HUNG, strikes=1)
        patience.note(struck, replace(seen, reached=session.pid < 13), 1e9, NOW)

    assert len(patience.deafness.unreached) == 3
    assert patience.enough_s(17.0, NOW) == LONGEST_SILENCE_S
