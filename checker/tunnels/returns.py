"""Which guests a gateway sends home: nodes that came because their own gateway was away. Pure.

A guest is sent only to the home that it names itself, and only if today's cards say the same. Times
are monotonic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checker.model import NodeName, ProcessId
from checker.model.gateway_id import GatewayId
from checker.tunnels.sent_away import STRAIGHT_BACK_S

FRESH_S = 30.0
"""A gateway whose last pulse is older is away, or we are."""
AGAIN_AFTER_S = 3600.0
"""A node is sent home at most this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A connection of a node whose home may be elsewhere."""

    node: NodeName
    session: ProcessId
    began_at: float
    """When it logged in."""
    moves: bool
    """Whether its client goes to another gateway when it is told to."""
    home: str
    """The gateway that its client begins with, as it says itself; empty: it does not say."""
    placed: str
    """The gateway that comes first by today's cards and the node's entry; empty: there is none."""
    carried: int = 0
    """Connections that are open through its forwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """How guests are sent home."""

    after_s: float = 600.0
    """Once their home has been well that long; 0: never."""
    per_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A node that was sent home."""

    at: float
    well_since: float
    """Since when its home had been well then."""
    came_back: bool = False
    """Whether it came straight back: it cannot reach its home, so it stays."""


class Homes:
    """Since when each other gateway has been well without a break."""

    def __init__(self) -> None:
        self.well_since: dict[GatewayId, float] = {}
        self.heard_at: dict[GatewayId, float] = {}
        """When the last pulse of each one came."""

    def see(self, id_: GatewayId, pulse_age_s: float, *, takes_nodes: bool, now: float) -> None:
        """Note its last pulse. `takes_nodes`: it is active, by its card and its own word."""
        self.heard_at[id_] = now - pulse_age_s
        if takes_nodes and pulse_age_s <= FRESH_S:
            self.well_since.setdefault(id_, now)
        else:
            self.well_since.pop(id_, None)

    def keep_only(self, ids: Iterable[GatewayId]) -> None:
        """Forget gateways that left the fleet."""
        kept = set(ids)
        self.well_since = {id_: at for id_, at in self.well_since.items() if id_ in kept}
        self.heard_at = {id_: at for id_, at in self.heard_at.items() if id_ in kept}


class Returns:
    """Sends guests home, a few a second."""

    def __init__(self, here: GatewayId, returning: Returning) -> None:
        self.here, self.returning = here, returning
        self.sent: dict[NodeName, Sent] = {}
        self.allowance = 0.0
        self.counted_at: float | None = None

    def due(
        self, guests: Iterable[Guest], well_since: Mapping[GatewayId, float], now: float
    ) -> tuple[Guest, ...]:
        """Return the guests to send home now, and note that they are sent. `well_since`: of other
        gateways that are well; the caller sends nobody home while this gateway drains.
        """
        self.count(now)
        found: list[Guest] = []
        for guest in sorted(guests, key=lambda one: (one.began_at, one.node)):
            self.notice(guest)
            since = well_since.get(GatewayId(guest.home))
            if since is None or self.allowance < 1.0 or not self.may_go(guest, since, now):
                continue
            self.allowance -= 1.0
            self.sent[guest.node] = Sent(at=now, well_since=since)
            found.append(guest)
        return tuple(found)

    def count(self, now: float) -> None:
        """Earn what may be sent now, never more than in one second."""
        passed_s = 0.0 if self.counted_at is None else max(0.0, now - self.counted_at)
        most = max(1.0, self.returning.per_s)
        self.allowance = min(most, self.allowance + passed_s * self.returning.per_s)
        self.counted_at = now

    def notice(self, guest: Guest) -> None:
        """Note a node that was sent home and is here again."""
        sent = self.sent.get(guest.node)
        if sent and not sent.came_back and 0 < guest.began_at - sent.at <= STRAIGHT_BACK_S:
            self.sent[guest.node] = Sent(at=sent.at, well_since=sent.well_since, came_back=True)

    def may_go(self, guest: Guest, since: float, now: float) -> bool:
        """Return whether a guest may be sent to its home, which has been well since then."""
        after_s = self.returning.after_s
        is_guest = guest.home == guest.placed != self.here
        if not (after_s and is_guest and guest.moves) or guest.carried:
            return False
        # a client that logged in here lately did not get in at home
        if now - since < after_s or now - guest.began_at < after_s:
            return False
        sent = self.sent.get(guest.node)
        if sent is None:
            return True
        if sent.came_back and since <= sent.well_since:
            return False
        return now - sent.at >= AGAIN_AFTER_S
