"""How long to wait for an answer, and how much silence proves a tunnel dead, on a given link. Pure.

A deadline only decides when a probe is given up. A tunnel is killed for silence: no byte from the
device since the first silent probe began. So a late answer to an abandoned probe still saves its
tunnel, and makes the next deadline longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from checker.model import Flow, Policy

LONGEST_DEADLINE_S = 20.0
LONGEST_SILENCE_S = 35.0
"""With these a dead device is found within a minute of its last byte, on any link."""
FAST_S = 1.0
"""A slower answer comes from a slow link or from a slow target."""
FAST_LOGIN_S = 1.0
"""A login takes ten chunks one after the other, so a link that delays some of them shows here."""
PROVEN = 4
"""A link counts as fast after this many fast answers in a row after a fast login; then the shortest
silence is enough.
"""
PROVEN_SLOWLY = 24
"""The same after a slow login, or one of unknown length, beats in time included: a link that delays
a third of its chunks may answer fast eight times in a row.
"""
LEAST_SILENCE_S = 8.0
"""The least when a beat is overdue: links stall for that long and come back."""
STALL_ENDS_S = 7.0
"""What delays a beat began 2 s before it is overdue, so a stall of 8 s is over this long after."""
LOSS_ENDS_S = 15.0
"""An outage of 8 s that loses packets may silence a living device for twice as long: both kernels
wait longer before each repetition. So the device is heard this long after its beat is overdue.
"""
AFTER_LOSS_S = 17.0
"""The same, counted from the first silent probe."""
LONGEST_FOR_BEAT_S = 20.0
"""A silence that is long enough waits no longer than this for the next beat to become overdue."""
LEAST_DEADLINE_S = 1.0
TRIPS = 4
"""A silence proves nothing before this many times the worst round trip."""
KEPT_OF_HISTORY = 4
"""Fast answers of the last connection that count for the next one, whose link may be another."""
SHRINKS = 0.95
"""Factor by which each faster answer shrinks the longest latency: half is left after 14 probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast one forward answers."""

    longest_s: float = 0.0
    """The longest latency, forgotten slowly."""
    grown_s: float = 0.0
    """Deadline that the tunnel needs because answers came too late; shrinks with each answer in
    time.
    """
    fast: int = 0
    """Fast answers since the last slow one."""


def answered(pace: Pace, latency_s: float) -> Pace:
    """Return the pace after an answer in time."""
    return Pace(
        longest_s=max(latency_s, pace.longest_s * SHRINKS),
        grown_s=pace.grown_s * SHRINKS,
        fast=pace.fast + 1 if latency_s < FAST_S else 0,
    )


def came_late(pace: Pace, deadline_s: float) -> Pace:
    """Return the pace after a silent probe of a living tunnel: the next may take twice as long."""
    return replace(pace, grown_s=min(LONGEST_DEADLINE_S, max(pace.grown_s, 2 * deadline_s)), fast=0)


def reconnected(pace: Pace) -> Pace:
    """Return the pace with which a new connection begins."""
    return replace(pace, fast=min(pace.fast, KEPT_OF_HISTORY))


def deadline(configured_s: float, pace: Pace, flow: Flow | None) -> float:
    """Return the seconds for one probe; never less than configured."""
    spare_s = configured_s / 2
    kernel_s = 2 * flow.rtt_s + 4 * flow.rtt_varies_s + spare_s if flow else 0.0
    wanted_s = max(configured_s, 1.5 * pace.longest_s + spare_s, pace.grown_s, kernel_s)
    return min(wanted_s, max(configured_s, LONGEST_DEADLINE_S))


def kernel_trip(flow: Flow) -> float:
    """Return the longest round trip that the kernel's measurements allow for."""
    return flow.rtt_s + 4 * flow.rtt_varies_s


def is_proven(pace: Pace, flow: Flow | None, login_s: float | None, steady: int = 0) -> bool:
    """Whether its answers, its login, its beats and the kernel's round-trip time prove the link to
    be fast; `steady` beats in a row came in time.
    """
    if pace.longest_s >= FAST_S or pace.grown_s >= FAST_S or (flow and kernel_trip(flow) >= FAST_S):
        return False
    quick_login = login_s is not None and login_s < FAST_LOGIN_S
    return pace.fast + steady >= PROVEN_SLOWLY or (quick_login and pace.fast >= PROVEN)


def silence_needed(
    configured_s: float, policy: Policy, pace: Pace, *, proven: bool, worst_s: float = 0.0
) -> float:
    """Return the seconds without a byte from the device, since the first silent probe began, that
    prove a tunnel dead. `worst_s` is the worst round trip of the last ten minutes.

    A link that is not proven fast gets more: 24 s instead of 13 by default, enough for an answer
    that is delayed by 8 s each way. A link that is known to be slow gets what its latencies need.
    """
    shortest_s = policy.strikes * configured_s + (policy.strikes - 1) * policy.strike_gap_s
    wanted_s = TRIPS * worst_s
    if not proven:
        wanted_s = max(
            wanted_s,
            shortest_s + 2.2 * configured_s,
            2 * pace.longest_s + policy.strike_gap_s,
        )
    return max(shortest_s, min(wanted_s, LONGEST_SILENCE_S))


def hurried_silence(worst_s: float, overdue_s: float) -> float:
    """Return the seconds that prove a tunnel dead whose beat is overdue, on a link that is proven
    fast; otherwise as `silence_needed`.

    `overdue_s`: for how long the beat was overdue when the silence began; negative if it became so
    later. A probe takes both ways, so two stalls may delay its answer, but only one delays a beat.
    """
    return max(LEAST_SILENCE_S, STALL_ENDS_S - overdue_s, TRIPS * worst_s)


def with_beat(silence_s: float, overdue_s: float) -> float:
    """Return the silence needed where the connection beats: long enough for the next beat to show
    life, if that comes soon. `overdue_s` as in `hurried_silence`; minus infinity: no rhythm.
    """
    if silence_s < LEAST_SILENCE_S or overdue_s == -inf:
        return silence_s
    return max(silence_s, min(STALL_ENDS_S - overdue_s, LONGEST_FOR_BEAT_S))


def with_loss(silence_s: float, overdue_s: float) -> float:
    """Return the silence needed where no acknowledgement of the first silent probe came: what was
    lost in an outage may still be repeated. `overdue_s` as in `with_beat`.
    """
    if silence_s < LEAST_SILENCE_S:
        return silence_s
    return max(silence_s, min(LOSS_ENDS_S - overdue_s, AFTER_LOSS_S))


def hurried_deadline(configured_s: float, policy: Policy) -> float:
    """Return the deadline with which `strikes` probes fit into the least silence; never more than
    configured.
    """
    pauses_s = (policy.strikes - 1) * policy.strike_gap_s
    share_s = (LEAST_SILENCE_S - pauses_s) / policy.strikes
    return min(configured_s, max(LEAST_DEADLINE_S, share_s))
