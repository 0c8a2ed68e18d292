"""When a forward is probed again after a judgement, and when its row is late. Pure."""

from __future__ import annotations

from checker.model import Policy
from checker.tunnels.judge import Action, CannotKill, Kill, LookAgain, Nothing, Recheck


def interval_s(policy: Policy, own_s: float | None, *, beats: bool) -> float:
    """Seconds between two probes of a forward; `own_s` is its node's own number, if it has one,
    for while it beats: a beat proves the connection, so only its target needs a probe.
    """
    if not beats:
        return policy.probe_every_s
    return policy.probe_beating_every_s if own_s is None else own_s


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
