"""The heart: from what a probe saw and what was before, what a forward is worth, what to do, and
what to tell the node.

A kill is only ever decided here, and only if all of this holds: nothing came in `strikes` probes in
a row, for as long as this link may take (`checker.tunnels.pace`); the gateway was not starved
meanwhile; nothing showed the tunnel to be alive (a beat of its own connection, another forward of
it that answers, bytes that its device sent); and the probe did not wait behind bytes that still
move (`checker.tunnels.flow`). One thing more ends a tunnel: another response than expected,
`strikes` times in a row, on a port that the shared key may hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from checker.model import (
    ANSWER_SHOWN,
    Answer,
    Flaps,
    Policy,
    ProbeFailed,
    ProcessId,
    Status,
    Tunnel,
    printable,
)
from checker.tunnels.flow import SENDS
from checker.tunnels.losses import lost, settled, wait_for
from checker.tunnels.observation import Observation, is_strike, status_of

LIVES = frozenset({Status.UP, Status.REFUSED, Status.WRONG})
"""Statuses that show a tunnel to be there: leaving them for `down` is a loss."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """Probe again, so many seconds from now."""

    after_s: float


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Nothing is wrong, and the sweep looks again so many seconds from now; nobody waits for it."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Kill:
    """End this session, which holds the hung listener."""

    session: ProcessId


@dataclass(frozen=True, slots=True)
class CannotKill:
    """The listener is hung and its holder is not known."""


Action = Nothing | Recheck | LookAgain | Kill | CannotKill


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What comes of an observation."""

    tunnel: Tunnel
    flaps: Flaps
    action: Action


def detail_of(status: Status, seen: Observation, strikes: int, policy: Policy) -> str:
    """The sentence beside the status; empty for up."""
    match status:
        case Status.UP:
            return ""
        case Status.DOWN:
            return "nobody listens"
        case Status.REFUSED:
            return "the tunnel lives; the node's target closes at once"
        case Status.FOREIGN:
            return f"the port is held by {seen.stranger}"
        case Status.WRONG:
            got = seen.reply.text if isinstance(seen.reply, Answer) else b""
            return (
                f"expected {printable(str(seen.expect))}, got"
                f" '{printable(got)}'{doubted(seen, strikes, policy)}"
            )
        case Status.HUNG if isinstance(seen.reply, Answer):
            return (
                f"slow: of {printable(str(seen.expect))} only '{printable(seen.reply.text)}'"
                f" came{doubted(seen, strikes, policy)}"
            )
        case Status.HUNG if seen.life:
            return f"the target is silent, the tunnel lives: {seen.life}"
        case Status.HUNG:
            return (
                f"nothing came in {seen.deadline_s:.3g} s (strike {min(strikes, policy.strikes)} of"
                f" {policy.strikes})"
            )
        case Status.UNKNOWN | Status.BROKEN:
            return (
                f"could not be probed: {seen.reply.reason}"
                if isinstance(seen.reply, ProbeFailed)
                else ""
            )
    assert_never(status)


def doubted(seen: Observation, strikes: int, policy: Policy) -> str:
    """What is added to an answer on a port of the shared key."""
    return (
        f" (strike {strikes} of {policy.strikes}: the shared key may be an impostor's)"
        if seen.shared
        else ""
    )


def act(strikes: int, seen: Observation, policy: Policy) -> Action:
    """What to do about a forward; the only place that says Kill."""
    if not is_strike(seen):
        return LookAgain(policy.strike_gap_s) if seen.quiet else Nothing()
    if strikes < policy.strikes or (
        not isinstance(seen.reply, Answer) and seen.silent_s < seen.silence_s
    ):
        return Recheck(policy.strike_gap_s)
    return Kill(seen.session) if seen.session else CannotKill()


def verdict_of(status: Status, action: Action, flaps: Flaps, policy: Policy) -> int:
    """Seconds that the node is told to wait; 0: all is well."""
    match status, action:
        case (Status.DOWN, _) | (_, Kill()):
            return wait_for(flaps, policy)
        case (Status.FOREIGN, _) | (_, CannotKill()):
            return policy.longest_wait_s
        case _:
            return 0


def judge(seen: Observation, before: Tunnel, flaps: Flaps, policy: Policy, now: float) -> Judgement:
    """One observation on top of what was known. Total: every input has an outcome, and none
    raises.
    """
    status = status_of(seen)
    if status is Status.UNKNOWN:
        kept = replace(before, detail=detail_of(status, seen, 0, policy))
        return Judgement(tunnel=kept, flaps=flaps, action=Nothing())
    if status is Status.HUNG and seen.late_s > policy.starved_s:
        kept = replace(
            before,
            detail=f"the gateway was busy ({seen.late_s:.1f} s late): this probe does not count",
        )
        return Judgement(tunnel=kept, flaps=flaps, action=Recheck(policy.strike_gap_s))
    if status is Status.HUNG and seen.behind:
        if before.session == seen.session and before.status in LIVES | {Status.HUNG}:
            kept = replace(before, detail=seen.behind, probed_at=now, strikes=0, verdict=0)
            return Judgement(
                tunnel=kept,
                flaps=settled(flaps, policy, now),
                action=LookAgain(policy.strike_gap_s),
            )
        seen = replace(seen, life=seen.behind)
    same = before.session in (None, seen.session) or seen.session is None
    # another connection's silence is not held against this one
    earlier = before.strikes if same and not seen.began_anew else 0
    strikes = earlier + 1 if is_strike(seen) else 0
    action = act(strikes, seen, policy)
    if status is Status.HUNG and seen.life == SENDS and before.status is not Status.HUNG:
        action = Recheck(policy.strike_gap_s)  # one slow answer is no news yet
    flaps = settled(flaps, policy, now)
    if isinstance(action, Kill) or (status is Status.DOWN and before.status in LIVES):
        flaps = lost(
            flaps, action.session if isinstance(action, Kill) else before.session, policy, now
        )
    after = replace(
        before,
        status=status,
        detail=detail_of(status, seen, strikes, policy),
        # of silence there is none
        latency_ms=(
            seen.latency_ms if status is Status.UP and isinstance(seen.reply, Answer) else None
        ),
        session=seen.session,
        peer=before.peer if seen.session == before.session else None,
        bytes_total=before.bytes_total if seen.session == before.session else None,
        since=before.since if status is before.status and before.since is not None else now,
        probed_at=now,
        checked_at=max(
            (t for t in (before.checked_at, seen.beaten_at) if t is not None), default=None
        ),
        failures=0 if status is Status.UP else before.failures + 1,
        strikes=strikes,
        verdict=verdict_of(status, action, flaps, policy),
        answer=printable(seen.reply.text, ANSWER_SHOWN) if isinstance(seen.reply, Answer) else "",
    )
    return Judgement(tunnel=after, flaps=flaps, action=action)
