"""Events of the log, and how long a forward was up and watched, by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from checker.model.node import NodeName, Port


class EventKind(StrEnum):
    """Kinds of events in the log."""

    STATUS = "status"
    KILL = "kill"
    KILL_FAILED = "kill-failed"
    CLAIM = "claim"
    CLONE = "clone"
    HOLD = "hold"
    REFUSED = "refused"
    RESET = "reset"
    REGISTRY = "registry"
    GATEWAY = "gateway"
    SHELL = "shell"
    COMMAND = "command"
    HOSTKEY = "hostkey"
    MUTE = "mute"
    UNMUTE = "unmute"
    ACT = "act"
    """An act that was asked of another gateway, or by an operator at another one."""
    MOVE = "move"
    """A node was sent to its home gateway."""


OPERATOR_KINDS = frozenset(
    {
        EventKind.REGISTRY,
        EventKind.SHELL,
        EventKind.COMMAND,
        EventKind.MUTE,
        EventKind.UNMUTE,
        EventKind.ACT,
    }
)
"""What operators' programs report to the daemon; it makes the events of all other kinds itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the log: what happened to which node, and who did it."""

    at: float
    kind: EventKind
    text: str
    node: NodeName | None = None
    port: Port | None = None
    actor: str = "daemon"
    id: int = 0
    """Assigned by the state file; 0 before."""


HOUR_S = 3600


def hour_at(now: float) -> int:
    """Return the hour's number: Unix seconds // 3600."""
    return int(now // HOUR_S)


class Watched(NamedTuple):
    """Time to add to the daily totals of a forward. A tuple, as 150,000 are read at once."""

    day: str
    """YYYY-MM-DD, UTC."""
    up_s: float
    watched_s: float


class Hour(NamedTuple):
    """How long a forward was up and watched in one hour. A tuple, as 120,000 are read at once."""

    node: NodeName
    port: Port
    hour: int
    """Unix seconds // 3600."""
    up_s: float
    watched_s: float
