"""How long to wait for an answer, and how much silence proves a tunnel dead: from what is known of
its link. Pure.

A deadline only decides when a probe is given up. What ends a tunnel is silence: no byte from the
device in the whole time since the first silent probe began. So a late answer of an abandoned probe
still saves its tunnel, and makes the next deadline longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from checker.model import Flow, Policy

LONGEST_DEADLINE_S = 20.0
LONGEST_SILENCE_S = 35.0
"""With these a dead device is found within a minute of its last byte, on any link."""
FAST_S = 1.0
"""An answer that took longer comes from a slow link, or from a slow target."""
FAST_LOGIN_S = 1.0
"""A login takes ten chunks one after the other; a link that delays some of them shows it here."""
PROVEN = 4
"""Fast answers after a fast login, and not one slow, after which a link counts as fast: then
silence of the shortest time is enough.
"""
PROVEN_SLOWLY = 24
"""The same after a slow login, or if its time is not known: a link that delays a third of its
chunks may answer fast eight times.
"""
KEPT_OF_HISTORY = 4
"""Answers of an earlier connection that count for the next one: it may come over another link."""
SHRINKS = 0.95
"""What is left of the longest latency after each faster answer: half after five minutes of the
usual sweep.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is known of how fast one forward answers."""

    longest_s: float = 0.0
    """The longest latency, forgotten slowly."""
    grown_s: float = 0.0
    """The deadline that a tunnel needs whose answers came too late; shrinks with each answer in
    time.
    """
    fast: int = 0
    """Fast answers since the last slow one."""


def answered(pace: Pace, latency_s: float) -> Pace:
    """The pace after an answer in time."""
    return Pace(
        longest_s=max(latency_s, pace.longest_s * SHRINKS),
        grown_s=pace.grown_s * SHRINKS,
        fast=pace.fast + 1 if latency_s < FAST_S else 0,
    )


def came_late(pace: Pace, deadline_s: float) -> Pace:
    """The pace after a silent probe of a tunnel that shows life: the next one may take twice as
    long.
    """
    return replace(pace, grown_s=min(LONGEST_DEADLINE_S, max(pace.grown_s, 2 * deadline_s)), fast=0)


def reconnected(pace: Pace) -> Pace:
    """The pace that a new connection begins with."""
    return replace(pace, fast=min(pace.fast, KEPT_OF_HISTORY))


def deadline(configured_s: float, pace: Pace, flow: Flow | None) -> float:
    """Seconds for one probe; never less than configured."""
    spare_s = configured_s / 2
    kernel_s = 2 * flow.rtt_s + 4 * flow.rtt_varies_s + spare_s if flow else 0.0
    wanted_s = max(configured_s, 1.5 * pace.longest_s + spare_s, pace.grown_s, kernel_s)
    return min(wanted_s, max(configured_s, LONGEST_DEADLINE_S))


def is_proven(pace: Pace, flow: Flow | None, login_s: float | None) -> bool:
    """Whether the link is known to be fast: by its answers, by its login, and as far as the kernel
    can tell.
    """
    if (
        pace.longest_s >= FAST_S
        or pace.grown_s >= FAST_S
        or (flow and flow.rtt_s + 4 * flow.rtt_varies_s >= FAST_S)
    ):
        return False
    quick_login = login_s is not None and login_s < FAST_LOGIN_S
    return pace.fast >= (PROVEN if quick_login else PROVEN_SLOWLY)


def silence_needed(configured_s: float, policy: Policy, pace: Pace, *, proven: bool) -> float:
    """Seconds without a byte from the device, since the first silent probe began, that prove a
    tunnel dead.

    A link that is not known to be fast gets more: 24 s instead of 13 by default, which is longer
    than an answer takes that is delayed by 8 s each way. A link that is known to be slow gets what
    its latencies ask for.
    """
    shortest_s = policy.strikes * configured_s + (policy.strikes - 1) * policy.strike_gap_s
    if proven:
        return shortest_s
    wanted_s = max(shortest_s + 2.2 * configured_s, 2 * pace.longest_s + policy.strike_gap_s)
    return max(shortest_s, min(wanted_s, LONGEST_SILENCE_S))
