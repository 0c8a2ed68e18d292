"""Days of tunnels that beat, simulated: none that lives is killed, and a dead one is freed soon."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest

from checker.tunnels.pace import LEAST_SILENCE_S
from tests.checker.tunnels.beating import (
    FAST,
    HOUR_S,
    SETTLED_S,
    Delay,
    Device,
    Gateway,
    freed_after_s,
    jittered,
)

DAY_S = 24 * HOUR_S
Shape = Callable[[random.Random], Delay]


def always(seconds: float) -> Shape:
    return lambda _: lambda __: seconds


def lossy(share: float, least: float, most: float) -> Shape:
    return lambda dice: lambda _: dice.uniform(least, most) if dice.random() < share else FAST


def alternating(each_s: float, *turns: float) -> Shape:
    return lambda _: lambda at: turns[int(at / each_s) % len(turns)]


def stalling(for_s: float, least_s: float, most_s: float) -> Shape:
    """Nothing passes for that long, again and again; what was sent meanwhile comes afterwards."""

    def shape(dice: random.Random) -> Delay:
        begins = dice.uniform(least_s, most_s)

        def delay(at: float) -> float:
            nonlocal begins
            while at >= begins + for_s:
                begins += for_s + dice.uniform(least_s, most_s)
            return FAST + max(0.0, begins + for_s - at if at >= begins else 0.0)

        return delay

    return shape


def flapping(dice: random.Random) -> Delay:
    """Outages of up to 8 s, at times one after the other."""
    lasts, begins = 0.0, 0.0

    def delay(at: float) -> float:
        nonlocal lasts, begins
        while at >= begins + lasts:
            begins += lasts + (dice.uniform(1, 300) if dice.random() < 0.8 else dice.uniform(0, 12))
            lasts = dice.uniform(1, 8)
        return FAST + max(0.0, begins + lasts - at if at >= begins else 0.0)

    return delay


LINKS = [
    pytest.param(always(FAST), always(FAST), id="fast"),
    pytest.param(always(1.0), always(1.0), id="2 s round trip"),
    pytest.param(always(3.0), always(3.0), id="6 s round trip"),
    pytest.param(always(FAST), always(6.0), id="asymmetric"),
    pytest.param(lossy(0.3, 1.0, 8.0), lossy(0.3, 1.0, 8.0), id="30 % delayed by 1 to 8 s"),
    pytest.param(lossy(0.02, 1.0, 8.0), lossy(0.02, 1.0, 8.0), id="2 % delayed by 1 to 8 s"),
    pytest.param(
        alternating(60.0, FAST, 2.0), alternating(60.0, FAST, 2.0), id="40 ms and 4 s, each minute"
    ),
    pytest.param(
        alternating(900.0, FAST, 2.0), alternating(900.0, FAST, 2.0), id="40 ms and 4 s, seldom"
    ),
    pytest.param(stalling(8.0, 5, 40), always(FAST), id="8 s stalls to the gateway, often"),
    pytest.param(stalling(8.0, 60, 1800), always(FAST), id="8 s stalls to the gateway, at times"),
    pytest.param(always(FAST), stalling(8.0, 60, 1800), id="8 s stalls to the device"),
    pytest.param(flapping, flapping, id="flapping"),
]


def beating(up: Shape, down: Shape, dice: random.Random) -> Gateway:
    """A gateway with the device's tunnel, just opened."""
    gateway = Gateway(Device(up=up(dice), down=down(dice), every_s=jittered(dice)))
    gateway.log_in()
    return gateway


@pytest.mark.unmeasured
@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_living_tunnel_is_not_killed_in_a_day(up: Shape, down: Shape) -> None:
    gateway = beating(up, down, random.Random(1))

    gateway.run(DAY_S)

    assert gateway.killed_at is None


@pytest.mark.unmeasured
@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_living_tunnel_is_not_killed_over_reconnects_restarts_and_silent_targets(
    up: Shape, down: Shape
) -> None:
    dice = random.Random(2)
    gateway = beating(up, down, dice)

    for _ in range(12):
        gateway.run(gateway.now + dice.uniform(0, 2) * HOUR_S)
        if dice.random() < 0.5:
            gateway.restart()
        elif dice.random() < 0.5:
            gateway.reconnect()
        gateway.device.silent_target = not gateway.device.silent_target

    assert gateway.killed_at is None


@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_tunnel_that_dies_is_freed_within_ninety_seconds_of_its_last_byte(
    up: Shape, down: Shape
) -> None:
    dice = random.Random(3)
    gateway = beating(up, down, dice)
    gateway.run(SETTLED_S + dice.uniform(0, 600))
    gateway.device.dead_at = gateway.now

    gateway.run(gateway.now + HOUR_S)

    assert gateway.killed_at is not None
    assert gateway.killed_at - max(gateway.device.heard) <= 90


@pytest.mark.parametrize("part", [0.0, 0.05])
def test_a_dead_tunnel_on_a_fast_link_is_freed_soon(part: float) -> None:
    took_s = [freed_after_s(seed, part=part) for seed in range(120)]

    assert max(took_s) <= 22
    assert median(took_s) <= 16
    assert min(took_s) >= LEAST_SILENCE_S


def test_a_tunnel_that_beats_is_probed_once_a_minute() -> None:
    dice = random.Random(4)
    gateway = beating(always(FAST), always(FAST), dice)
    gateway.run(HOUR_S)
    before = gateway.probes

    gateway.run(2 * HOUR_S)

    assert gateway.probes - before == 60
    assert gateway.doubts == 0
