"""Why a session is killed: the one place where each kill is decided. Pure.

Whoever wants to end a session gathers the facts of one of the cases below and asks `why_kill`. Only
a case with a reason leads to a kill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from checker.model import Answer, Node, Policy, Port, ProcessId, Registration, fingerprint
from checker.tunnels.observation import Observation, is_strike
from checker.tunnels.pace import LEAST_SILENCE_S
from checker.tunnels.shared_key import INSTANCE

LOGIN_TAKES_S = 2.0
"""A connection may begin this long before a change of the registry, and log in after it."""
TOO_OLD = "the connection is older than the node's right to the port"
TAKEN_OVER = "claimed with the node's new key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strikes:
    """Strikes against a tunnel: the last observation, and how many there were in a row."""

    seen: Observation
    count: int
    """Of strikes in a row, this observation included."""
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRight:
    """The registry gives the holder no right to the port."""

    why: str
    """From `Node.barred` or `why_too_old`; empty: it has the right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The connection that holds a port of the claiming node."""

    session: ProcessId
    began_at: float
    """When its process started, Unix seconds."""
    registration: Registration | None = None
    """None if it never sent `hold`."""
    key: str = ""
    """Fingerprint of the key that it logged in with; empty if not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortClaim:
    """The node's next connection is about to listen on a port that another one holds."""

    node: Node
    port: Port | None
    instance: str
    """Of the client that claims."""
    has_new_key: bool
    """Whether it logged in with the key that is to replace the node's key."""
    holder: Holder
    now: float
    """Unix seconds."""
    took_over_lately: bool = False
    """Whether the new key took over from a healthy tunnel a short while ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An operator asked for it."""

    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """The gateway drains, and the connection did not leave by itself."""

    by: str
    """Who began the drain."""
    must_leave: bool
    """Whether it is older than the drain, or its `hold` was refused: those that came back stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentHome:
    """The node was told to go to its home gateway, which is well again, and did not leave."""

    home: str
    was_told: bool
    """Whether its client took the word: only then its beats have ended."""


Case = Strikes | NoRight | PortClaim | Order | Drained | SentHome


def why_kill(case: Case) -> str:
    """Return why to kill the session, as a clause; empty: leave it alone."""
    match case:
        case Strikes():
            return why_proven_dead(case)
        case NoRight(why=why):
            return why and f"its node may not listen: {why}"
        case PortClaim():
            return why_make_way(case)
        case Order(operator=operator):
            return f"asked for by {operator}"
        case Drained(by=by, must_leave=must_leave):
            return f"{by} drains this gateway" if must_leave else ""
        case SentHome(home=home, was_told=was_told):
            return f"its home {home} is well again" if was_told else ""
    assert_never(case)


def why_proven_dead(case: Strikes) -> str:
    """Why the probe proves the tunnel dead: silence in `strikes` probes in a row, for as long as
    its link may take; for less, but never for less than 8 s, if its beat is overdue.

    On a port of the shared key an answer other than the expected one counts as well: it may be an
    impostor's.
    """
    seen = case.seen
    if not is_strike(seen) or case.count < case.policy.strikes:
        return ""
    if isinstance(seen.reply, Answer):
        what = (
            "hung: only part of the expected answer came"
            if seen.reply.begun
            else "wrong: another answer than expected came"
        )
        return f"{what}, {case.count} times in a row"
    if seen.silent_s < seen.silence_s:
        return ""
    if seen.hurried and (seen.flow is None or seen.silent_s < LEAST_SILENCE_S):
        return ""  # a byte may have come, or may still come
    late = ", and its beat is overdue" if seen.hurried else ""
    return f"hung: nothing came in {seen.silent_s:.0f} s, {case.count} probes in a row{late}"


def why_too_old(node: Node, began_at: float, port: Port | None, now: float) -> str:
    """Why a connection that began then (Unix seconds) is not the node's although it holds the port,
    as a clause; empty if it may be.

    sshd fixes at login what a connection may bind: one from before a key was revoked, or a port
    given away, can bind it still. A clock that was set back since, or a key still shared, proves
    nothing. A port that a forward moves to, or that was added, has been its own only since then.
    """
    since = next(
        (
            forward.next_port_at
            for forward in node.forwards
            if forward.next_port is not None and forward.next_port == port
        ),
        max(
            [
                node.rights_since,
                *(forward.port_at for forward in node.forwards if forward.port == port),
            ]
        ),
    )
    if node.is_shared or since > now or began_at > since - LOGIN_TAKES_S:
        return ""
    return TOO_OLD


def why_make_way(claim: PortClaim) -> str:
    """Why the holder makes way for the claim without a probe, as a clause; empty if it must be
    probed first.
    """
    node, holder = claim.node, claim.holder
    too_old = why_too_old(node, holder.began_at, claim.port, claim.now)
    if too_old:
        return too_old
    if holder.registration is not None:
        if holder.registration.instance == claim.instance:
            return "claimed by a new connection of the same instance"
        if holder.registration.instance == INSTANCE and not node.is_shared:
            return "claimed with the node's own key, which replaces the shared one"
        if is_of_lost_key(node, holder.key):
            return "claimed with the key that replaced this connection's key"
    return TAKEN_OVER if is_outdated(claim) and not claim.took_over_lately else ""


def is_outdated(claim: PortClaim) -> bool:
    """Whether the claim comes with the node's new key, and the holder with the old or the shared
    one.
    """
    if not claim.has_new_key:
        return False
    registration = claim.holder.registration
    is_shared = registration is not None and registration.instance == INSTANCE
    return is_shared or is_of_old_key(claim.node, claim.holder, claim.now)


def is_of_old_key(node: Node, holder: Holder, now: float) -> bool:
    """Whether the holder surely logged in with the key that is to go, or with the shared one."""
    if node.next_key is None:
        return False
    if holder.key:
        return holder.key != fingerprint(node.next_key)
    # next_key_at is a whole number, rounded down
    registration = holder.registration
    is_older = registration is not None and registration.registered_at < node.next_key_at + 1
    return is_older or began_before(holder.began_at, node.next_key_at, now)


def is_of_lost_key(node: Node, key: str) -> bool:
    """Whether it logged in with a key that the node no longer has; `key` is its fingerprint."""
    return bool(key) and key not in {fingerprint(one) for one in node.public_keys}


def began_before(began_at: float, at: float, now: float) -> bool:
    """Whether a connection surely logged in before that moment; all are Unix seconds.

    A moment in the future, as after a clock was set back, proves nothing.
    """
    return began_at < at - LOGIN_TAKES_S and at <= now
