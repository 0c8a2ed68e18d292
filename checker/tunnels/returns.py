"""Which guests a gateway sends home: nodes that came because their own gateway was away. Pure.

A guest is sent only to the home that it names itself, and only if today's cards say the same. Of a
node that keeps two tunnels each has its own home: the first and the second gateway in the node's
order. Times are monotonic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from checker.model import NodeName, ProcessId
from checker.model.gateway_id import GatewayId
from checker.tunnels.sent_away import STRAIGHT_BACK_S

FRESH_S = 30.0
"""A gateway whose last pulse is older is away, or we are."""
AGAIN_AFTER_S = 3600.0
"""A tunnel is sent home at most this often."""
TunnelOfNode = tuple[NodeName, int]
"""A node, and which of its two tunnels; 0: it keeps one."""


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
    path: int = 0
    """Which of its node's two tunnels it is; 0: the node keeps one."""
    is_other_path_there: bool = False
    """Whether its home has the other tunnel of its node, or may have it."""

    @property
    def key(self) -> TunnelOfNode:
        return self.node, self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """How guests are sent home."""

    after_s: float = 600.0
    """Once their home has been well that long; 0: never."""
    per_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A tunnel that was sent home."""

    home: str
    at: float
    well_since: float
    """Since when its home had been well then."""
    came_back: bool = False
    """Whether it came straight back: it cannot reach its home, so it stays."""


def home_of(order: Sequence[GatewayId], path: int) -> str:
    """Return the home of a tunnel by its node's order; empty if there is none. `path`: as in
    `Guest`.
    """
    place = max(path, 1) - 1
    return order[place] if place < len(order) else ""


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
        self.sent: dict[TunnelOfNode, Sent] = {}
        self.allowance = 0.0
        self.counted_at: float | None = None

    def due(
        self, guests: Iterable[Guest], well_since: Mapping[GatewayId, float], now: float
    ) -> tuple[Guest, ...]:
        """Return the guests to send home now, and note that they are sent. `well_since`: of other
        gateways that are well; the caller sends nobody home while this gateway drains, and notes
        first who came back.
        """
        self.count(now)
        found: list[Guest] = []
        for guest in sorted(guests, key=lambda one: (one.began_at, one.node)):
            since = well_since.get(GatewayId(guest.home))
            if since is None or self.allowance < 1.0 or not self.may_go(guest, since, now):
                continue
            self.allowance -= 1.0
            self.sent[guest.key] = Sent(home=guest.home, at=now, well_since=since)
            found.append(guest)
        return tuple(found)

    def count(self, now: float) -> None:
        """Earn what may be sent now, never more than in one second."""
        passed_s = 0.0 if self.counted_at is None else max(0.0, now - self.counted_at)
        most = max(1.0, self.returning.per_s)
        self.allowance = min(most, self.allowance + passed_s * self.returning.per_s)
        self.counted_at = now

    def awaited(self, now: float) -> list[TunnelOfNode]:
        """Return the tunnels that were sent home lately, and are not back as far as known."""
        return [
            key
            for key, sent in self.sent.items()
            if not sent.came_back and now - sent.at <= 2 * STRAIGHT_BACK_S
        ]

    def notice(self, key: TunnelOfNode, began_at: float) -> str:
        """Note a tunnel that began here then. If it was sent home and came straight back, return
        the home that it cannot reach; else, or if that was noted before, an empty string.
        """
        sent = self.sent.get(key)
        if sent is None or sent.came_back or not 0 < began_at - sent.at <= STRAIGHT_BACK_S:
            return ""
        self.sent[key] = replace(sent, came_back=True)
        return sent.home

    def may_go(self, guest: Guest, since: float, now: float) -> bool:
        """Return whether a guest may be sent to its home, which has been well since then."""
        after_s = self.returning.after_s
        is_guest = guest.home == guest.placed != self.here
        if not (after_s and is_guest and guest.moves) or guest.carried:
            return False
        if guest.is_other_path_there:
            return False
        # a client that logged in here lately did not get in at home
        if now - since < after_s or now - guest.began_at < after_s:
            return False
        sent = self.sent.get(guest.key)
        if sent is None:
            return True
        if sent.came_back and since <= sent.well_since:
            return False
        return now - sent.at >= AGAIN_AFTER_S
