"""A gateway is heard if its pulse goes on while we look, whatever a clock says."""

from __future__ import annotations

from dataclasses import replace

from checker.model.gateway_id import GatewayId
from checker.model.pulse import Pulse
from checker.tunnels.pulse_watch import PulseWatch
from checker.tunnels.returns import FRESH_S

GW2 = GatewayId("gw2")
NOW = 1000.0
PULSE = Pulse(epoch="e", beat=7, number=1, at=0.0, version="0", state="active")


def test_a_pulse_from_before_we_looked_proves_nothing() -> None:
    watch = PulseWatch()

    for later in range(3):
        watch.see(GW2, PULSE, NOW + later)

    assert not watch.is_fresh(GW2, NOW + 2)
    assert not watch.is_fresh(GatewayId("gw3"), NOW)


def test_a_new_pulse_is_fresh_for_half_a_minute() -> None:
    watch = PulseWatch()
    watch.see(GW2, PULSE, NOW)
    watch.see(GW2, replace(PULSE, beat=8), NOW + 3)

    assert watch.is_fresh(GW2, NOW + 3 + FRESH_S)
    assert not watch.is_fresh(GW2, NOW + 3.1 + FRESH_S)


def test_another_epoch_is_a_new_pulse_and_who_left_is_forgotten() -> None:
    watch = PulseWatch()
    watch.see(GW2, PULSE, NOW)
    watch.see(GW2, replace(PULSE, epoch="f", beat=1), NOW + 1)
    assert watch.is_fresh(GW2, NOW + 1)

    watch.keep_only(())

    assert not watch.is_fresh(GW2, NOW + 1)
    watch.see(GW2, PULSE, NOW + 2)
    assert not watch.is_fresh(GW2, NOW + 2)
