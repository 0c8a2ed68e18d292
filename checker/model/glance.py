"""What the state file knows of a whole fleet, as plain tuples.

A `Tunnel` for each of 10,000 rows would take longer than all the rest of a scrape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from checker.model.node import NodeName, Port
from checker.model.tunnel import Place


class Seen(NamedTuple):
    """What was last seen of one forward, as in `Tunnel`."""

    node: NodeName
    port: Port
    status: str
    latency_ms: float | None
    probed_at: float | None
    kills: int
    bytes_total: int | None
    pid: int | None
    start_ticks: int | None
    due_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """The state file at one moment; an empty one if there is none yet."""

    seen: Sequence[Seen] = ()
    clients: Mapping[NodeName, str] = field(default_factory=dict)
    """Program and version, of the connection that each node registered last."""
    unregistered: Sequence[Place] = ()
    swept_at: float | None = None
    """Unix seconds; None: no daemon has swept yet, and the next two are unknown."""
    every_s: float | None = None
    """Between two sweeps."""
    logins_waiting: int | None = None
    """Connections to sshd that had not logged in yet; None: unknown."""
    tally: Mapping[str, int] = field(default_factory=dict)
    """How many events of each counted kind there were in all."""
