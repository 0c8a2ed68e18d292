"""Judge one probe: the forward's status, what to do about it, and what to tell its node. Pure.

A probe leads to a kill only if `checker.tunnels.kill_reasons`, which decides every kill, gives a
reason for it: nothing came in `strikes` probes in a row, for as long as this link may take
(`checker.tunnels.pace`). No strike counts while the gateway is starved, while something shows that
the tunnel lives (a beat of its own connection, an answer through another forward of it, bytes that
its device sent), or while the probe waits behind bytes that still move (`checker.tunnels.flow`).
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
from checker.tunnels.kill_reasons import Probed, why_kill
from checker.tunnels.losses import lost, settled, wait_for
from checker.tunnels.observation import Observation, is_strike, status_of

LIVES = frozenset({Status.UP, Status.REFUSED, Status.WRONG})
"""Statuses of a tunnel that is there: a change from one of them to `down` is a loss."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Leave it alone."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """Probe again after this time; the judgement is not final yet."""

    after_s: float


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Nothing is wrong: have the sweep probe again after this time; nobody waits for it."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill this session, which holds the hung listener."""

    session: ProcessId
    why: str
    """A clause."""


@dataclass(frozen=True, slots=True)
class CannotKill:
    """The listener is hung, but its holder is not known."""


Action = Nothing | Recheck | LookAgain | Kill | CannotKill


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What follows from an observation."""

    tunnel: Tunnel
    flaps: Flaps
    action: Action


def detail_of(status: Status, seen: Observation, strikes: int, policy: Policy) -> str:
    """Return the text beside the status; empty for up."""
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
    """Return what to add about an answer on a port of the shared key."""
    return (
        f" (strike {strikes} of {policy.strikes}: the shared key may be an impostor's)"
        if seen.shared
        else ""
    )


def act(strikes: int, seen: Observation, policy: Policy) -> Action:
    """Return what to do about a forward."""
    if not is_strike(seen):
        return LookAgain(policy.strike_gap_s) if seen.quiet else Nothing()
    why = why_kill(Probed(seen=seen, strikes=strikes, policy=policy))
    if not why:
        return Recheck(policy.strike_gap_s)
    return Kill(seen.session, why) if seen.session else CannotKill()


def verdict_of(status: Status, action: Action, flaps: Flaps, policy: Policy) -> int:
    """Return the seconds that the node is to wait; 0 if all is well."""
    match status, action:
        case (Status.DOWN, _) | (_, Kill()):
            return wait_for(flaps, policy)
        case (Status.FOREIGN, _) | (_, CannotKill()):
            return policy.longest_wait_s
        case _:
            return 0


def judge(seen: Observation, before: Tunnel, flaps: Flaps, policy: Policy, now: float) -> Judgement:
    """Judge one observation, given what was known before; `now` is in Unix seconds.

    Total: every input has an outcome, and none raises.
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
        action = Recheck(policy.strike_gap_s)  # one slow answer is not worth an event yet
    flaps = settled(flaps, policy, now)
    if isinstance(action, Kill) or (status is Status.DOWN and before.status in LIVES):
        flaps = lost(
            flaps, action.session if isinstance(action, Kill) else before.session, policy, now
        )
    after = replace(
        before,
        status=status,
        detail=detail_of(status, seen, strikes, policy),
        # a port that only stays open has no latency
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
