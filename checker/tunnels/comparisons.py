"""Decide when a target's host key is compared with the pinned one. Pure.

A comparison costs the device a key exchange, so it is made once for each new connection of the
device, and once a day. All times are Unix seconds.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from checker.model import (
    ExpectKind,
    Forward,
    ProcessId,
    ShownKey,
    Status,
    Tunnel,
    is_comparable,
    mismatch,
)

EVERY_S = 86400.0
SPREAD_S = 7200.0
"""Each forward is compared up to this much sooner than a day later, so that the comparisons of a
fleet that came at the same time drift apart.
"""
GAP_S = 300.0
"""Least time between two comparisons of a forward: a device may reconnect all the time."""
AGAIN_S = 600.0
"""Wait after a key exchange that failed; it doubles each time, up to a day."""
AT_ONCE = 0.0
"""Before all that is due at some time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A key exchange that did not come about: it says nothing about the key."""

    session: ProcessId
    at: float
    times: int
    """How many failed in a row with this connection."""
    reason: str
    """A clause."""


def can_compare(forward: Forward, seen: Tunnel, shown: ShownKey | None) -> bool:
    """Whether there is a pinned key to compare with, and an SSH server that answers through a
    connection of ours.
    """
    return (
        forward.expect.kind is ExpectKind.HOSTKEY
        and forward.host_key != ""
        and seen.session is not None
        and (
            seen.status is Status.UP
            or (seen.status is Status.WRONG and mismatch(shown, forward.host_key) != "")
        )
    )


def due_at(
    forward: Forward, seen: Tunnel, shown: ShownKey | None, failure: Failure | None, now: float
) -> float | None:
    """Return when the host key should be compared; None if it cannot be."""
    if not can_compare(forward, seen, shown):
        return None
    last_at = max((one.at for one in (shown, failure) if one is not None), default=AT_ONCE)
    if last_at > now:
        return AT_ONCE  # the clock was set back
    if failure is not None:
        same = failure.session == seen.session
        return failure.at + (wait_after(failure) if same else GAP_S)
    if shown is None or not is_comparable(shown, forward.host_key):
        return AT_ONCE
    if shown.session != seen.session:
        return shown.at + GAP_S
    return shown.at + EVERY_S - SPREAD_S * share(forward)


def wait_after(failure: Failure) -> float:
    """Return the seconds until the exchange is tried again."""
    return min(EVERY_S, AGAIN_S * 2.0 ** min(failure.times - 1, 16))


def share(forward: Forward) -> float:
    """A number from 0 to 1 that is the forward's own."""
    return zlib.crc32(f"host key of {forward.node} {forward.port}".encode()) / 2**32


def after_exchange(
    forward: Forward, before: ShownKey | None, key: str, session: ProcessId, now: float
) -> ShownKey:
    """Return what to remember of a key that the target showed."""
    is_known = before is not None and before.key == key != forward.host_key
    return ShownKey(
        node=forward.node,
        port=forward.port,
        key=key,
        pinned=forward.host_key,
        session=session,
        at=now,
        logged=before.logged if before is not None and is_known else "",
    )


def after_failure(before: Failure | None, reason: str, session: ProcessId, now: float) -> Failure:
    """Return what to remember of an exchange that failed."""
    times = before.times if before is not None and before.session == session else 0
    return Failure(session=session, at=now, times=times + 1, reason=reason)


def key_note(forward: Forward, seen: Tunnel, failure: Failure | None) -> str:
    """Say why the host key of a forward that is up is not compared, as a clause; empty if it is."""
    if forward.expect.kind is not ExpectKind.HOSTKEY or seen.status is not Status.UP:
        return ""
    if not forward.host_key:
        return f"no host key is pinned: reversi-checker node pin {forward.node}"
    if failure is not None and failure.session == seen.session:
        return f"its host key could not be compared: {failure.reason}"
    return ""
