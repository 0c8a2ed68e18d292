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
    HELD_BY,
    NOBODY_LISTENS,
    SSH_BANNER,
    TARGET_SILENT,
    Answer,
    Expect,
    ExpectKind,
    Flaps,
    Policy,
    ProbeFailed,
    ProcessId,
    Status,
    Tunnel,
    printable,
)
from checker.model.tunnel import holds, last_held
from checker.tunnels.flow import SENDS
from checker.tunnels.kill_reasons import Strikes, why_kill
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
            return NOBODY_LISTENS
        case Status.REFUSED:
            return "the tunnel lives; the node's target closes at once"
        case Status.FOREIGN:
            return f"{HELD_BY}{seen.stranger}"
        case Status.WRONG:
            return why_wrong(seen, strikes, policy)
        case Status.HUNG if isinstance(seen.reply, Answer):
            return (
                f"slow: only '{printable(seen.reply.text)}' of {awaited(seen.expect)} came"
                f"{doubted(seen, strikes, policy)}"
            )
        case Status.HUNG if seen.life:
            return f"{TARGET_SILENT}: {seen.life}"
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


def why_wrong(seen: Observation, strikes: int, policy: Policy) -> str:
    """Return what came instead of what was expected."""
    if seen.other_key:
        return seen.other_key
    got = seen.reply.text if isinstance(seen.reply, Answer) else b""
    return (
        f"expected {awaited(seen.expect)}, got '{printable(got)}'{doubted(seen, strikes, policy)}"
    )


def awaited(expect: Expect) -> str:
    """Return what a probe waits for."""
    return printable(str(SSH_BANNER if expect.kind is ExpectKind.HOSTKEY else expect))


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
    why = why_kill(Strikes(seen=seen, count=strikes, policy=policy))
    if not why:
        return Recheck(policy.strike_gap_s if seen.pause_s is None else seen.pause_s)
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
    unproven = unproven_by(seen, before, flaps, policy, now)
    if unproven is not None:
        return unproven
    status = status_of(seen)
    if status is Status.HUNG and seen.behind:
        seen = replace(seen, life=seen.behind)
    strikes = strikes_after(seen, before)
    action = act(strikes, seen, policy)
    if status is Status.HUNG and seen.life == SENDS and before.status is not Status.HUNG:
        action = Recheck(policy.strike_gap_s)  # one slow answer is not worth an event yet
    flaps = settled(flaps, policy, now)
    if isinstance(action, Kill):
        flaps = lost(flaps, action.session, policy, now)
    elif status is Status.DOWN and before.status in LIVES:
        flaps = lost(flaps, before.session, policy, now)
    after = row_after(
        seen,
        before,
        detail=detail_of(status, seen, strikes, policy),
        strikes=strikes,
        verdict=verdict_of(status, action, flaps, policy),
        now=now,
    )
    return Judgement(tunnel=after, flaps=flaps, action=action)


def unproven_by(
    seen: Observation, before: Tunnel, flaps: Flaps, policy: Policy, now: float
) -> Judgement | None:
    """Return the judgement of a probe that proves nothing about the tunnel; None if it does.

    The gateway could not make the probe, or was starved, or was in a hurry, or the probe waits
    behind other bytes.
    """
    status = status_of(seen)
    if status is Status.UNKNOWN:
        kept = replace(before, detail=detail_of(status, seen, 0, policy))
        return Judgement(tunnel=kept, flaps=flaps, action=Nothing())
    if status is not Status.HUNG:
        return None
    if seen.late_s > policy.starved_s:
        detail = f"the gateway was busy ({seen.late_s:.1f} s late): this probe does not count"
        kept = replace(before, detail=detail)
        return Judgement(tunnel=kept, flaps=flaps, action=Recheck(policy.strike_gap_s))
    is_known = before.session == seen.session and before.status in LIVES | {Status.HUNG}
    if seen.hurried and seen.life:  # the target got less time than it may take
        kept = replace(before, detail=seen.life, strikes=0)
        return Judgement(tunnel=kept, flaps=flaps, action=Recheck(policy.strike_gap_s))
    if seen.behind and is_known:
        kept = replace(before, detail=seen.behind, probed_at=now, strikes=0, verdict=0)
        flaps = settled(flaps, policy, now)
        return Judgement(tunnel=kept, flaps=flaps, action=LookAgain(policy.strike_gap_s))
    return None


def strikes_after(seen: Observation, before: Tunnel) -> int:
    """Return the strikes in a row; another connection's silence does not count against this one."""
    if not is_strike(seen):
        return 0
    same = before.session in (None, seen.session) or seen.session is None
    return before.strikes + 1 if same and not seen.began_anew else 1


def row_after(  # noqa: PLR0913 - one value each
    seen: Observation, before: Tunnel, *, detail: str, strikes: int, verdict: int, now: float
) -> Tunnel:
    """Return the row after the observation and what was judged of it."""
    status = status_of(seen)
    answer = seen.reply.text if isinstance(seen.reply, Answer) else None
    is_same = seen.session == before.session
    contacts = [at for at in (before.checked_at, seen.beaten_at) if at is not None]
    since = before.since if status is before.status and before.since is not None else now
    return replace(
        before,
        status=status,
        detail=detail,
        # a port that only stays open has no latency
        latency_ms=seen.latency_ms if status is Status.UP and answer is not None else None,
        session=seen.session,
        peer=before.peer if is_same else None,
        bytes_total=before.bytes_total if is_same else None,
        since=since,
        held_until=None if holds(seen.session, status) else last_held(before, since),
        probed_at=now,
        checked_at=max(contacts, default=None),
        failures=0 if status is Status.UP else before.failures + 1,
        strikes=strikes,
        verdict=verdict,
        answer="" if answer is None else printable(answer, ANSWER_SHOWN),
    )
