"""Links that lose all packets for some seconds.

TCP repeats them late, so a living device is silent for longer than its link is dead.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from statistics import median

import pytest

from tests.checker.tunnels.beating import (
    FAST,
    HOUR_S,
    NEVER,
    Delay,
    Device,
    Gateway,
    freed_after_s,
    jittered,
)

LASTS_S = 8.0
BEATS = [
    pytest.param(jittered, id="beats"),
    pytest.param(lambda dice: jittered(dice, every_s=60.0), id="metered"),
    pytest.param(lambda _: lambda: NEVER, id="no beats"),
]


class Outages:
    """Seconds in which nothing passes, in either direction."""

    def __init__(self, dice: random.Random, until: float) -> None:
        self.starts: list[float] = []
        at = 60.0
        while at < until:
            self.starts.append(at)
            at += LASTS_S + dice.uniform(20, 1500)

    def at(self, moment: float) -> bool:
        before = bisect_right(self.starts, moment) - 1
        return before >= 0 and moment < self.starts[before] + LASTS_S

    def delay(self, first_s: float) -> Delay:
        """What is lost is sent again after `first_s`, then after twice as long each time."""

        def delay(at: float) -> float:
            sent, wait_s = at, first_s
            while self.at(sent):
                sent, wait_s = sent + wait_s, 2 * wait_s
            return sent - at + FAST

        return delay


@pytest.mark.unmeasured
@pytest.mark.parametrize("every_s", BEATS)
def test_an_outage_that_loses_packets_ends_no_living_tunnel(
    every_s: Callable[[random.Random], Callable[[], float]],
) -> None:
    for seed in range(6):
        dice = random.Random(seed)
        outages = Outages(dice, 24 * HOUR_S)
        first_s = dice.uniform(0.21, 0.6)
        device = Device(
            up=outages.delay(first_s), down=outages.delay(first_s), every_s=every_s(dice)
        )
        gateway = Gateway(device)
        gateway.log_in()

        gateway.run(24 * HOUR_S)

        assert gateway.killed_at is None


def test_a_device_that_vanished_is_freed_nearly_as_soon_as_one_that_froze() -> None:
    took_s = [freed_after_s(seed, part=0.05, frozen=False) for seed in range(60)]

    assert max(took_s) <= 30
    assert median(took_s) <= 25
