"""Tunnels as they were seen: statuses, listeners, replies to a probe, registrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from checker.model.node import Forward, NodeName, Port

Place = tuple[NodeName, Port]
"""A forward's node and port: the key of its tunnel."""
IPV4_LOOPBACK, IPV6_LOOPBACK = "127.0.0.1", "::1"


class Status(StrEnum):
    """The verdict on a forward, worst first, as the console sorts."""

    BROKEN = "broken"
    """Only of a row that stands for a broken file; never the status of a forward, and never
    stored.
    """
    HUNG = "hung"
    FOREIGN = "foreign"
    DOWN = "down"
    REFUSED = "refused"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    UP = "up"


TARGET_SILENT = "the target is silent, the tunnel lives"
"""How the detail of a hung forward begins if the hang is not the tunnel's."""
NOBODY_LISTENS = "nobody listens"
"""How the detail of a forward that is down begins."""
HELD_BY = "the port is held by "
"""How the detail of a foreign port begins."""
STATUS_MEANING = {
    Status.BROKEN: (
        "the node's registry file cannot be read, or asks for what belongs to another node"
    ),
    Status.UP: "the expected response came",
    Status.HUNG: "the listener accepts, and nothing came before the deadline",
    Status.DOWN: "nobody listens",
    Status.REFUSED: "accepted, then closed at once: the tunnel lives, the node's target does not",
    Status.WRONG: "another response than expected",
    Status.FOREIGN: "the port is held by a process that is not a session of the tunnel user",
    Status.UNKNOWN: "not probed yet",
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ProcessId:
    """A process, told apart from a later one with the same PID."""

    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: clock ticks since boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A listening socket."""

    address: str
    port: Port
    uid: int
    inode: int


@dataclass(frozen=True, slots=True)
class NoListener:
    """The connection was refused: nobody listens."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection was accepted, then closed before anything came."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The connection was accepted, and nothing came before the deadline."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The target sent something."""

    expected: bool
    text: bytes
    """The first bytes, at most 256."""
    begun: bool = False
    """Whether this is the beginning of the expected response, and the rest did not come in time."""


@dataclass(frozen=True, slots=True)
class StayedOpen:
    """The connection was accepted and stayed open in silence, which is all that `open` asks."""


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The gateway itself could not connect (no descriptors, no ports). This says nothing about the
    tunnel.
    """

    reason: str


ProbeReply = NoListener | Closed | Silent | Answer | StayedOpen | ProbeFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A live connection that a node registered with `hold`."""

    node: NodeName
    instance: str
    session: ProcessId
    peer: str
    registered_at: float
    """Unix seconds."""
    inodes: frozenset[int] = frozenset()
    """The listeners that the session had when it registered."""
    client: str = ""
    """Program and version of the client; empty if it did not say."""
    moves: bool = False
    """Whether the client takes exit status 75 of its `hold` for: go to another gateway."""
    home: str = ""
    """The id of the gateway to which the client says it belongs; empty if it does not say."""


ANSWER_SHOWN = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """What was last seen of one forward. Times are Unix seconds; None means not known."""

    node: NodeName
    port: Port
    status: Status = Status.UNKNOWN
    detail: str = ""
    latency_ms: float | None = None
    session: ProcessId | None = None
    """The sshd process that holds the listener."""
    peer: str | None = None
    since: float | None = None
    """When the status last changed."""
    probed_at: float | None = None
    checked_at: float | None = None
    """When the node last asked (check) or registered (hold)."""
    failures: int = 0
    """Probes in a row that did not find the forward up."""
    kills: int = 0
    strikes: int = 0
    """Silent probes in a row that count towards a kill."""
    verdict: int = 0
    """Seconds that the node is told to wait before it reconnects; 0: all is well."""
    bytes_total: int | None = None
    """Bytes in both directions since the connection was opened."""
    answer: str = ""
    """The beginning of what the last probe received, escaped, at most ANSWER_SHOWN characters;
    empty if nothing came.
    """
    revision: int = 0
    due_s: float | None = None
    """Seconds from the last probe to the end of the next one; None: the sweep's interval."""
    held_until: float | None = None
    """When a tunnel last held the port, if none does now and it was not `since`; 0: none ever did.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """How often a node lost its tunnel lately."""

    count: int = 0
    last_at: float = 0.0
    """Unix seconds; 0.0: never."""
    session: ProcessId | None = None
    """The session lost last; None if it was not known."""


class TunnelJson(TypedDict):
    """A tunnel in `--json`."""

    node: str
    port: int
    target: str
    expect: str
    status: str
    detail: str
    latency_ms: float | None
    pid: int | None
    peer: str | None
    since: float | None
    probed_at: float | None
    checked_at: float | None
    failures: int
    kills: int


def tunnel_json(forward: Forward, seen: Tunnel) -> TunnelJson:
    """One forward for `--json`: what the registry says and what was seen."""
    return {
        "node": forward.node,
        "port": forward.port,
        "target": str(forward.target),
        "expect": str(forward.expect),
        "status": seen.status.value,
        "detail": seen.detail,
        "latency_ms": seen.latency_ms,
        "pid": seen.session.pid if seen.session else None,
        "peer": seen.peer,
        "since": seen.since,
        "probed_at": seen.probed_at,
        "checked_at": seen.checked_at,
        "failures": seen.failures,
        "kills": seen.kills,
    }


LISTENS = frozenset({Status.UP, Status.HUNG, Status.REFUSED, Status.WRONG})
"""Statuses of a forward whose tunnel holds the port."""


def is_held(seen: Tunnel) -> bool:
    """Whether a tunnel held the port when it was last seen."""
    return holds(seen.session, seen.status)


def holds(session: ProcessId | None, status: Status) -> bool:
    """Whether a tunnel holds a port with this holder and status."""
    return session is not None or status in LISTENS


def lost_at(seen: Tunnel) -> float:
    """When the port lost the tunnel that held it last; 0: none ever did, as far as known."""
    return (seen.since or 0.0) if seen.held_until is None else seen.held_until


def last_held(before: Tunnel, since: float | None) -> float | None:
    """Return `held_until` of a row that no tunnel holds and whose status is from `since`."""
    if is_held(before):
        return None
    return before.held_until if since == before.since else lost_at(before)


AHEAD_S = 5.0
STALE_INTERVALS = 3
"""A row is stale if it is more than twice its own interval late, whatever its status says."""


def is_stale(seen: Tunnel, every_s: float, now: float) -> bool:
    """Whether the status is too old to be trusted; `every_s` is between two sweeps. A forward that
    was never probed is unknown, not stale.
    """
    return is_late(seen.probed_at, seen.due_s, every_s, now)


def is_late(probed_at: float | None, due_s: float | None, every_s: float, now: float) -> bool:
    """Whether a status from that probe is stale; `due_s` as in `Tunnel`. A probe of the future is,
    too: the clock was set back, and nobody knows how old it is.
    """
    if probed_at is None:
        return False
    # asked for each of 30,000 rows at once, so the usual row needs no more calls: it is not future
    if due_s is None and 0 <= now - probed_at <= STALE_INTERVALS * every_s:
        return False
    return now > stale_at(probed_at, due_s, every_s) or is_future(probed_at, now)


def is_future(at: float, now: float) -> bool:
    """Whether a time lies further ahead than a clock that is adjusted."""
    return at - now > AHEAD_S


def stale_at(probed_at: float, due_s: float | None, every_s: float) -> float:
    """When a status from that probe is stale."""
    return probed_at + STALE_INTERVALS * max(every_s, due_s or 0.0)


def by_place(tunnels: Iterable[Tunnel]) -> dict[Place, Tunnel]:
    """The tunnels by the forward that they belong to."""
    return {(tunnel.node, tunnel.port): tunnel for tunnel in tunnels}


def seen_at(place: Place, tunnels: Mapping[Place, Tunnel]) -> Tunnel:
    """What was seen of this forward; a tunnel of status unknown if nothing was."""
    return tunnels.get(place) or Tunnel(node=place[0], port=place[1])


def joined(
    forwards: Iterable[Forward], seen: Iterable[Tunnel]
) -> tuple[tuple[Forward, Tunnel], ...]:
    """Pair each forward with what was seen of it, as `seen_at` has it."""
    found = by_place(seen)
    return tuple((forward, seen_at((forward.node, forward.port), found)) for forward in forwards)
