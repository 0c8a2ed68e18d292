"""How often a node's tunnel was lost lately, and how long the node waits for it. Pure."""

from __future__ import annotations

from checker.model import Flaps, Policy, ProcessId


def wait_for(flaps: Flaps, policy: Policy) -> int:
    """Return the seconds that a node with this history waits: 1, 2, 4 ... up to the longest."""
    return min(policy.longest_wait_s, 1 << max(0, min(flaps.count, 16) - 1))


def lost(flaps: Flaps, session: ProcessId | None, policy: Policy, now: float) -> Flaps:
    """Return the count after a tunnel was lost; all forwards of the last lost session count as one.

    A loss of an unknown session counts once per sweep.
    """
    if (
        flaps.count
        and session == flaps.session
        and (session is not None or now - flaps.last_at < policy.probe_every_s)
    ):
        return flaps
    count = flaps.count if now - flaps.last_at <= policy.quiet_s else 0
    return Flaps(count=count + 1, last_at=now, session=session)


def settled(flaps: Flaps, policy: Policy, now: float) -> Flaps:
    """Return the count, or an empty one after a quiet time."""
    return Flaps() if flaps.count and now - flaps.last_at > policy.quiet_s else flaps
