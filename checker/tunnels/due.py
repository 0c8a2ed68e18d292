"""When a forward is probed again after a judgement, and when its row is late. Pure."""

from __future__ import annotations

from checker.model import Policy
from checker.tunnels.judge import Action, CannotKill, Kill, LookAgain, Nothing, Recheck


def next_probe_s(action: Action, policy: Policy) -> float:
    """Seconds until the sweep probes the forward again."""
    match action:
        case CannotKill():
            return policy.unkillable_every_s
        case LookAgain(after_s):
            return after_s
        case Nothing() | Recheck() | Kill():
            return policy.probe_every_s


def due_s(action: Action, deadline_s: float, policy: Policy) -> float | None:
    """Seconds until the next probe is over, at the latest; None if the row is then as old as those
    of all other forwards may be.
    """
    after_s = action.after_s if isinstance(action, Recheck) else next_probe_s(action, policy)
    longest_s = max(after_s, policy.probe_every_s) + deadline_s
    return longest_s if longest_s > 2 * policy.probe_every_s else None
