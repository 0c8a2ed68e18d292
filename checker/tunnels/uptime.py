"""How long a forward was watched, and how long of that it was up. Pure."""

from __future__ import annotations

from checker.model import HOUR_S, STALE_INTERVALS, Hour, Policy, Status, Tunnel, Watched, hour_at


def watched(before: Tunnel, after: Tunnel, policy: Policy, day: str) -> Watched:
    """Return the time since the last probe; it counts as up if the forward was up at both ends.

    A gap longer than three of the row's own intervals counts as not watched at all.
    """
    if before.probed_at is None or after.probed_at is None:
        return Watched(day=day, up_s=0.0, watched_s=0.0)
    gap_s = after.probed_at - before.probed_at
    longest_s = max(
        STALE_INTERVALS * max(policy.probe_every_s, before.due_s or 0.0),
        policy.unkillable_every_s + policy.deadline_s,
    )
    if not 0 < gap_s <= longest_s:
        return Watched(day=day, up_s=0.0, watched_s=0.0)
    both_up = before.status is Status.UP and after.status is Status.UP
    return Watched(day=day, up_s=gap_s if both_up else 0.0, watched_s=gap_s)


def by_hour(after: Tunnel, lately: Watched) -> tuple[Hour, ...]:
    """Split the time up to the last probe at the full hours."""
    if after.probed_at is None:
        return ()
    began, ended = after.probed_at - lately.watched_s, after.probed_at
    parts = []
    for hour in range(hour_at(began), hour_at(ended) + 1):
        within_s = min(ended, (hour + 1) * HOUR_S) - max(began, hour * HOUR_S)
        if within_s > 0:
            parts.append(
                Hour(
                    node=after.node,
                    port=after.port,
                    hour=hour,
                    up_s=within_s if lately.up_s else 0.0,
                    watched_s=within_s,
                )
            )
    return tuple(parts)
