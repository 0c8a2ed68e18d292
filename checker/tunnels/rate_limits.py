"""How much one node may ask of the daemon: what is over it is refused, and the others never notice.

Pure: the caller says who comes, and when. A beat never comes here, and neither does an operator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from checker.model import NodeName

TOLD_A_MINUTE = 20
"""Most events about new devices: whoever invents some must not fill the log."""
TELL_EVERY_S = 60.0
"""Shortest time between two events about one node that is over its limit."""
NODE_WAITS_S = 25.0
"""Longest time for a node's request: clients in the field give up after 30 s, login included."""
MOST_KNOWN = 10_000
"""Allowances that are kept without looking which of them are full again."""
HELD_AT_ONCE = 8
"""Most registered connections of one node. A second one is stale and sshd has not given it up yet,
or the key was copied.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much one node may ask."""

    at_once: int = 16
    """Most requests under way; a check of a silent target takes a quarter of a minute."""
    a_minute: int = 120
    saved_up: int = 0
    """Most requests at once after a quiet time; 0: half of `a_minute`."""

    @property
    def burst(self) -> int:
        return self.saved_up or self.a_minute // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one node may still ask at one moment."""

    left: float
    """Requests that it may make at once, at most a burst; grows with time."""
    at: float
    """That moment, monotonic."""
    under_way: int = 0
    refused: int = 0
    """Since the last event."""
    told_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A refusal of a request over the limit."""

    why: str
    untold: int | None = None
    """If an event is due: how many were refused since the last one, this one too; else None."""


def enter(allowance: Allowance, limit: Limit, now: float) -> tuple[Allowance, Over | None]:
    """Count a request that comes now; return the new allowance, and the refusal, if any."""
    left = min(limit.burst, allowance.left + max(0.0, now - allowance.at) * limit.a_minute / 60)
    if allowance.under_way >= limit.at_once:
        why = (
            f"{allowance.under_way} requests of this node are under way already; wait for their"
            " answers"
        )
    elif left < 1:
        why = f"more than {limit.a_minute} requests a minute; ask less often"
    else:
        return replace(allowance, left=left - 1, at=now, under_way=allowance.under_way + 1), None
    refused = allowance.refused + 1
    if allowance.told_at is not None and now - allowance.told_at < TELL_EVERY_S:
        return replace(allowance, left=left, at=now, refused=refused), Over(why=why)
    return replace(allowance, left=left, at=now, refused=0, told_at=now), Over(
        why=why, untold=refused
    )


class Limits:
    """The allowances of all nodes that asked lately."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.allowances: dict[NodeName, Allowance] = {}

    def enter(self, node: NodeName, now: float) -> Over | None:
        """Count a request of the node; return its refusal, or None: then call `leave` later."""
        if len(self.allowances) > MOST_KNOWN:
            self.forget(now)
        known = self.allowances.get(node) or Allowance(left=self.limit.burst, at=now)
        self.allowances[node], over = enter(known, self.limit, now)
        return over

    def leave(self, node: NodeName) -> None:
        """A request that was not refused has been answered."""
        known = self.allowances[node]
        self.allowances[node] = replace(known, under_way=known.under_way - 1)

    def forget(self, now: float) -> None:
        """Drop the nodes whose allowance is full again."""
        idle_s = max(TELL_EVERY_S, 60 * self.limit.burst / self.limit.a_minute)
        self.allowances = {
            node: known
            for node, known in self.allowances.items()
            if known.under_way or now - known.at < idle_s
        }


class EventRate:
    """Which events about new devices are logged."""

    def __init__(self) -> None:
        self.told_at: tuple[float, ...] = ()

    def allows(self, now: float) -> bool:
        """Count an event at `now` (monotonic), unless too many were logged within a minute."""
        self.told_at = tuple(at for at in self.told_at if now - at < 60)
        if len(self.told_at) >= TOLD_A_MINUTE:
            return False
        self.told_at = (*self.told_at, now)
        return True
