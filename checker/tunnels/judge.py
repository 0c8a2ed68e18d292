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

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from checker.model import (
    ANSWER_SHOWN,
    HOUR_S,
    IPV4_LOOPBACK,
    IPV6_LOOPBACK,
    Answer,
    Closed,
    Expect,
    Flaps,
    Flow,
    Hour,
    Listener,
    NoListener,
    Policy,
    ProbeFailed,
    ProcessId,
    Reply,
    Silent,
    Status,
    StayedOpen,
    Tunnel,
    Watched,
    printable,
)
from checker.tunnels.flow import SENDS, Silence

LIVES = frozenset({Status.UP, Status.REFUSED, Status.WRONG})
"""Statuses that show a tunnel to be there: leaving them for `down` is a loss."""
REACHED_AT = {
    IPV4_LOOPBACK: ("127.0.0.1", "0.0.0.0", "::"),  # noqa: S104 - named, not bound
    IPV6_LOOPBACK: ("::1", "::"),
}
"""Where a listener has to be for a connection to this loopback address to reach it, the narrowest
first; `::` may be dual.
"""


class Owner(Enum):
    """Whose listener it is, told by its uid."""

    NOBODY = "nobody"
    OURS = "ours"
    FOREIGN = "foreign"


def loopback_of(listeners: Sequence[Listener]) -> str:
    """The loopback address to probe: 127.0.0.1, unless the port has listeners on IPv6 only (sshd's
    `AddressFamily inet6`).
    """
    found = {listener.address for listener in listeners}
    if found & {"127.0.0.1", "0.0.0.0"}:  # noqa: S104 - compared with
        return IPV4_LOOPBACK
    return IPV6_LOOPBACK if found & {"::1", "::"} else IPV4_LOOPBACK  # sshd's `::` is never dual


def owner_of(listeners: Sequence[Listener], uid: int) -> Owner:
    """Whose the port is, where `uid` is the tunnel user's; one listener of another's on the probed
    address is enough.
    """
    near = [
        listener for listener in listeners if listener.address in REACHED_AT[loopback_of(listeners)]
    ]
    if not near:
        return Owner.NOBODY
    return Owner.OURS if all(listener.uid == uid for listener in near) else Owner.FOREIGN


def reached(listeners: Sequence[Listener]) -> tuple[Listener, ...]:
    """Those that a probe leads to; where another program has the port on 127.0.0.1, sshd still gets
    it on ::1 alone.
    """
    near = REACHED_AT[loopback_of(listeners)]
    found = {
        address: tuple(listener for listener in listeners if listener.address == address)
        for address in near
    }
    return next((those for those in found.values() if those), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One probe of one forward, and what was known at its end."""

    reply: Reply
    owner: Owner
    session: ProcessId | None = None
    """The sshd session that holds the listener; None where it could not be found."""
    stranger: str = ""
    """Who holds the port, where it is not a session of the tunnel user, as a clause."""
    latency_ms: float | None = None
    late_s: float = 0.0
    """How late our own loop was, at worst, during the probe."""
    life: str = ""
    """What showed the tunnel to be alive since the first strike, as a clause; empty for nothing."""
    behind: str = ""
    """What the probe still waits behind, as a clause: bytes that move on the connection; empty for
    nothing.
    """
    probe_s: float = 0.0
    """How long this probe took."""
    silent_s: float = 0.0
    """How long nothing came, since the first strike's probe began."""
    came_late: bool = False
    """Whether the life that it shows may be an answer to a probe that was given up."""
    began_anew: bool = False
    """Whether the device sent something since the first strike, but nothing during this probe: it
    is the first one now.
    """
    quiet: bool = False
    """Whether the device sent something during this probe, and then nothing for a whole
    deadline.
    """
    silence_s: float = 0.0
    """How long that has to be to prove the tunnel dead."""
    flow: Flow | None = None
    """What had moved on the connection by then, as far as the kernel tells."""
    beaten_at: float | None = None
    """When the last beat of this connection came, Unix seconds."""
    shared: bool = False
    """Whether whoever has the shared key may hold the port: then another response than expected may
    be an impostor's.
    """
    expect: Expect
    deadline_s: float


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


def with_silence(seen: Observation, silence: Silence, deadline_s: float) -> Observation:
    """The observation of no answer, with what the kernel knows of the connection's silence."""
    if seen.life or not silence.broken:
        return seen
    if silence.began_anew(deadline_s):
        # what came before may be all that was asked for
        return replace(seen, silent_s=silence.probe_s, began_anew=True)
    return replace(
        seen,
        life=SENDS,
        quiet=silence.lasts(deadline_s),
        came_late=silence.is_slow(seen.deadline_s),
    )


def status_of(seen: Observation) -> Status:
    """What the forward is worth, from one observation."""
    if seen.owner is Owner.FOREIGN:
        return Status.FOREIGN  # somebody else's listener: never ours to kill
    match seen.reply:
        case NoListener():
            return Status.DOWN
        case Closed():
            return Status.DOWN if seen.owner is Owner.NOBODY else Status.REFUSED
        case Silent():
            return Status.DOWN if seen.owner is Owner.NOBODY else Status.HUNG
        case Answer(expected=True):
            return Status.UP
        case Answer(begun=begun):
            return Status.HUNG if begun else Status.WRONG
        case StayedOpen():
            return Status.UP
        case ProbeFailed():
            return Status.UNKNOWN
    assert_never(seen.reply)


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


def wait_for(flaps: Flaps, policy: Policy) -> int:
    """Seconds that a node with this history waits: 1, 2, 4 ... up to the longest."""
    return min(policy.longest_wait_s, 1 << max(0, min(flaps.count, 16) - 1))


def lost(flaps: Flaps, session: ProcessId | None, policy: Policy, now: float) -> Flaps:
    """The count after a tunnel was lost; the loss of one session counts once, however many forwards
    it carried.
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
    """The count, begun anew after a quiet time."""
    return Flaps() if flaps.count and now - flaps.last_at > policy.quiet_s else flaps


def counts(status: Status, seen: Observation) -> bool:
    """Whether this outcome is a strike."""
    if isinstance(seen.reply, Answer):  # it came through the tunnel, which lives
        return status in (Status.HUNG, Status.WRONG) and seen.shared
    return status is Status.HUNG and not seen.life


def act(status: Status, strikes: int, seen: Observation, policy: Policy) -> Action:
    """What to do about a forward; the only place that says Kill."""
    if not counts(status, seen):
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
    strikes = earlier + 1 if counts(status, seen) else 0
    action = act(status, strikes, seen, policy)
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


def watched(before: Tunnel, after: Tunnel, policy: Policy, day: str) -> Watched:
    """The time since the last probe, up if the forward was up at both ends of it.

    A gap longer than three sweeps was watched by nobody and counts for nothing.
    """
    if before.probed_at is None or after.probed_at is None:
        return Watched(day=day, up_s=0.0, watched_s=0.0)
    gap_s = after.probed_at - before.probed_at
    if (
        not 0
        < gap_s
        <= max(3 * policy.probe_every_s, policy.unkillable_every_s + policy.deadline_s)
    ):
        return Watched(day=day, up_s=0.0, watched_s=0.0)
    both_up = before.status is Status.UP and after.status is Status.UP
    return Watched(day=day, up_s=gap_s if both_up else 0.0, watched_s=gap_s)


def by_hour(after: Tunnel, lately: Watched) -> tuple[Hour, ...]:
    """The time that ended with the last probe, told to the hours that it lies in."""
    if after.probed_at is None:
        return ()
    began, ended = after.probed_at - lately.watched_s, after.probed_at
    told = []
    for hour in range(int(began // HOUR_S), int(ended // HOUR_S) + 1):
        within_s = min(ended, (hour + 1) * HOUR_S) - max(began, hour * HOUR_S)
        if within_s > 0:
            told.append(
                Hour(
                    node=after.node,
                    port=after.port,
                    hour=hour,
                    up_s=within_s if lately.up_s else 0.0,
                    watched_s=within_s,
                )
            )
    return tuple(told)
