"""What the machine hears (events), orders (actions) and shows (its view)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from client.config import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant on both clocks: they part when the machine is suspended."""

    monotonic_s: float
    wall_s: float


class Failure(enum.Enum):
    """Why there was no login."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    """The gateway does not accept this node's key."""
    SLOW = "slow"
    """The gateway took the TCP connection, and the login did not end in time."""
    IMPOSTOR = "impostor"
    """The host key is not the pinned one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The process is asked to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Logged in, with the pinned host key."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No login; the connection is gone."""

    connection: int
    failure: Failure
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The gateway's answer to `claim`."""

    connection: int
    wait_s: int
    """0 is go."""
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """What became of the ports of one Listen."""

    connection: int
    listening: frozenset[int]
    denied: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The gateway's answer to a beat."""

    connection: int
    wait_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The connection's counters."""

    connection: int
    received: int
    """Grows with all that comes, out of order too."""
    arrived: int
    """Grows with all that the other side's kernel says it has, out of order too."""
    acked: int | None
    """Bytes that the other side's kernel has; None: this system does not tell."""
    queued: int
    """Bytes sent, and not yet acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection, or its `hold`, has ended."""

    connection: int
    reason: str


Event = Tick | Stop | Connected | Failed | Claimed | Listened | Answered | Moved | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Resolve, connect, log in."""

    connection: int
    gateway: Address
    login_s: float
    """The time limit of the login."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Run `claim`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Ask the gateway to listen on these ports."""

    ports: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Run `hold`, and beat once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Send one line to `hold`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """End the connection, whatever it is doing."""

    abort: bool
    """It hangs: do not even say goodbye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """One line for the log."""

    text: str


Action = Connect | Claim | Listen | Hold | Beat | Drop | Say


class State(enum.Enum):
    """The tunnel as the status file shows it."""

    CONNECTING = "connecting"
    UP = "up"
    PARTIAL = "partial"
    """Up, without the ports that the gateway denied."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The machine, seen from outside."""

    state: State
    gateway: Address | None
    """None while the tunnel is not up."""
    listening: frozenset[int]
    denied: frozenset[int]
    verdict_s: int | None
    """The gateway's last verdict; None: none yet."""
    error: str
    """Why the last connection ended; empty: none did."""
    slow: bool = False
    """The gateway is there and needs more time than usual."""
