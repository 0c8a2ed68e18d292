"""How a connection leaves a gateway that drains, and when it is ended. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from checker.model import NodeName, Port, ProcessId
from checker.model.drain import Drain

LEAVES_WITHIN_S = 5.0
"""A client that was told to leave gets this long before its connection is ended."""
BEATS_WITHIN_S = 75.0
"""The answer to a beat tells a client to wait, and on a metered link a beat comes once a minute."""


class Way(StrEnum):
    """How a client is told to leave."""

    MOVE = "move"
    """By exit status 75 of its `hold`: go to another gateway."""
    WAIT = "wait"
    """By the verdict that answers its next beat."""
    END = "end"
    """Not at all: it does not ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A connection that was told to leave."""

    node: NodeName
    session: ProcessId
    way: Way
    told_at: float
    """Monotonic."""
    loop: ProcessId | None = None
    """Its beat loop, if that was told to end with exit status 75."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of such a connection now."""

    is_there: bool
    loops: bool = False
    """Whether its beat loop still runs."""
    beaten_s_ago: float | None = None
    """Since its last beat; None: it does not beat."""


def must_end(departure: Departure, sight: Sight, now: float) -> bool:
    """Whether to end the connection now (monotonic): it was told to leave and did not, or cannot be
    told.
    """
    since_s, beaten_s_ago = now - departure.told_at, sight.beaten_s_ago
    if departure.way is Way.END or since_s > BEATS_WITHIN_S:
        return True
    if departure.way is Way.MOVE:
        return not sight.loops and since_s > LEAVES_WITHIN_S
    return beaten_s_ago is not None and LEAVES_WITHIN_S < beaten_s_ago < since_s


def is_older(session: ProcessId, drain: Drain, boot: str, ticks_per_s: int) -> bool:
    """Whether the session began before the drain, so that the drain ends it. `boot`: of the machine
    now.
    """
    return boot == drain.boot and session.start_ticks / ticks_per_s < drain.uptime_s


def carried(
    ends: Iterable[tuple[Port, str]], ports: Mapping[Port, ProcessId], own: Collection[str]
) -> Counter[ProcessId]:
    """Count the connections that are open through the forwards of each session.

    `ends`: our port and the peer of each connection of this machine. `ports`: the session that
    listens on each port. `own`: the ports, as text, from which we probe.
    """
    return Counter(
        ports[port] for port, peer in ends if port in ports and peer.rpartition(":")[2] not in own
    )
