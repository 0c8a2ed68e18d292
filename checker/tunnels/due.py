"""When a forward is probed again after a judgement, and when its row is late. Pure."""

from __future__ import annotations

import math

from checker.model import Policy
from checker.tunnels.judge import Action, CannotKill, Kill, LookAgain, Nothing, Recheck

RESTING_A_S = 125
"""Forwards on whose ports nobody listens: how many of them are judged in a second, at most."""


def interval_s(policy: Policy, own_s: float | None, *, beats: bool) -> float:
    """Seconds between two probes of a forward; `own_s` is its node's own number, if it has one,
    for while it beats: a beat proves the connection, so only its target needs a probe.
    """
    if not beats:
        return policy.probe_every_s
    return policy.probe_beating_every_s if own_s is None else own_s


def rest_s(policy: Policy, resting: float, before_s: float = 0.0) -> float:
    """Seconds between two judgements of a forward on whose ports nobody listens, if there are so
    many; a multiple of `probe_every_s`. A new listener shows in the list of all meanwhile.

    `before_s`: what it was. It falls only if it would for a tenth more of them, too, so that a few
    that come and go do not change all rows.
    """
    wanted_s = rest_of(policy, resting)
    return max(wanted_s, min(before_s, rest_of(policy, resting * 1.1)))


def rest_of(policy: Policy, resting: float) -> float:
    every_s = policy.probe_every_s
    return every_s * max(1, math.ceil(resting / (RESTING_A_S * every_s)))


def next_probe_s(action: Action, policy: Policy, every_s: float) -> float:
    """Seconds until the sweep probes the forward again; usually `every_s`."""
    match action:
        case CannotKill():
            return policy.unkillable_every_s
        case LookAgain(after_s):
            return after_s
        case Nothing() | Recheck() | Kill():
            return every_s


def due_s(action: Action, deadline_s: float, policy: Policy, every_s: float) -> float | None:
    """Seconds until the next probe is over, at the latest; None if the row is then as old as those
    of all other forwards may be.
    """
    after_s = (
        action.after_s if isinstance(action, Recheck) else next_probe_s(action, policy, every_s)
    )
    longest_s = max(after_s, every_s) + deadline_s
    return longest_s if longest_s > 2 * policy.probe_every_s else None
