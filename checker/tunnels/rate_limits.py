"""How much one node may ask of the daemon, and one stranger of its socket: what is over it is
refused, and the others never notice.

Pure: the caller says who comes, and when. A beat never comes here, and neither does an operator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from checker.model import NodeName

TRY_LATER = 75
"""Exit status of a request over the limit: EX_TEMPFAIL of sysexits.h."""
TELL_EVERY_S = 60.0
"""Between two events about one node that is over its limit."""
NODE_WAITS_S = 25.0
"""How long a node's question may take: clients in the field give up after 30 s, login included."""
HELD_AT_ONCE = 8
"""Registered connections of one node; more than one is a stale one that sshd has not given up yet,
or a copied key.
"""
CONNECTIONS_AT_ONCE = 64
"""To the daemon's socket, of one user of the machine that is neither an operator nor the tunnel
user.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one node may ask."""

    at_once: int = 16
    """Requests under way; a check of a silent target takes a quarter of a minute."""
    a_minute: int = 120
    saved_up: int = 0
    """Requests that may come at once, after a quiet time; 0: half of a minute's."""

    @property
    def burst(self) -> int:
        return self.saved_up or self.a_minute // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One node's requests, as of an instant of the monotonic clock."""

    left: float
    """Requests that it may make at once, a burst at most; they come back as time goes by."""
    at: float
    under_way: int = 0
    refused: int = 0
    """Since the last event."""
    told_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The request is refused."""

    why: str
    untold: int | None = None
    """How many were refused since the last event, this one among them, where an event is due; else
    None.
    """


def enter(account: Account, limit: Limit, now: float) -> tuple[Account, Over | None]:
    """A request comes: the account after it, and why it is refused, if it is."""
    left = min(limit.burst, account.left + max(0.0, now - account.at) * limit.a_minute / 60)
    if account.under_way >= limit.at_once:
        why = (
            f"{account.under_way} requests of this node are under way already; wait for their"
            " answers"
        )
    elif left < 1:
        why = f"more than {limit.a_minute} requests a minute; ask less often"
    else:
        return replace(account, left=left - 1, at=now, under_way=account.under_way + 1), None
    refused = account.refused + 1
    if account.told_at is not None and now - account.told_at < TELL_EVERY_S:
        return replace(account, left=left, at=now, refused=refused), Over(why=why)
    return replace(account, left=left, at=now, refused=0, told_at=now), Over(
        why=why, untold=refused
    )


class Limits:
    """What each node asks now; nodes that ask nothing are forgotten."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.accounts: dict[NodeName, Account] = {}

    def enter(self, node: NodeName, now: float) -> Over | None:
        """A request of the node comes; why it is refused, or None, and then `leave` follows."""
        known = self.accounts.get(node) or Account(left=self.limit.burst, at=now)
        self.accounts[node], over = enter(known, self.limit, now)
        return over

    def leave(self, node: NodeName) -> None:
        """A request that was let in has been answered."""
        known = self.accounts[node]
        self.accounts[node] = replace(known, under_way=known.under_way - 1)

    def forget(self, now: float) -> None:
        """Drop the nodes whose account is as a new one would be."""
        idle_s = max(TELL_EVERY_S, 60 * self.limit.burst / self.limit.a_minute)
        self.accounts = {
            node: known
            for node, known in self.accounts.items()
            if known.under_way or now - known.at < idle_s
        }


class Crowd:
    """Connections to the socket, of each user of the machine; those of the known are not
    counted.
    """

    def __init__(self, known: frozenset[int], at_once: int = CONNECTIONS_AT_ONCE) -> None:
        self.known = known
        self.at_once = at_once
        self.counts: dict[int, int] = {}

    def enter(self, uid: int) -> bool:
        """Whether another connection of this user may stay; then `leave` follows."""
        if uid in self.known:
            return True
        if self.counts.get(uid, 0) >= self.at_once:
            return False
        self.counts[uid] = self.counts.get(uid, 0) + 1
        return True

    def leave(self, uid: int) -> None:
        """One of them ended."""
        if uid in self.known:
            return
        self.counts[uid] -= 1
        if not self.counts[uid]:
            del self.counts[uid]
