"""The machine's vocabulary: its events, its actions, and its view for the outside."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from client.config import Address
from client.pace import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant on both clocks, which drift apart while the computer is suspended."""

    monotonic_s: float
    wall_s: float


class Failure(enum.Enum):
    """Why a login failed."""

    UNREACHABLE = "unreachable"
    """Any other reason."""
    REFUSED = "refused"
    """The TCP connection was refused."""
    SILENT = "silent"
    """The TCP connection timed out."""
    BUSY = "busy"
    """The gateway accepted the TCP connection, and closed it before its SSH banner."""
    DENIED = "denied"
    """The gateway does not accept this node's key."""
    SLOW = "slow"
    """The gateway accepted the TCP connection, but the login timed out."""
    IMPOSTOR = "impostor"
    """The host key does not match a pinned one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A signal asks the process to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """The login succeeded."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The login failed; the connection is closed."""

    connection: int
    failure: Failure
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The gateway's answer to `claim`."""

    connection: int
    wait_s: int
    """0: go on."""
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """The gateway's answer to a Listen."""

    connection: int
    listening: frozenset[int]
    denied: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The gateway's answer to a beat."""

    connection: int
    wait_s: int
    is_sure: bool = True
    """False: it may be a number that the login printed, as no claim showed yet what a login prints
    there.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The connection's counters."""

    connection: int
    received: int
    """Grows with all that is received, even out of order."""
    arrived: int
    """Grows with all that the other side's kernel reports as received, even out of order."""
    acked: int | None
    """Bytes that the other side's kernel acknowledged; None: this system cannot tell."""
    queued: int
    """Bytes not yet acknowledged, here and in the kernel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection, or its `hold`, has ended."""

    connection: int
    reason: str
    drains: bool = False
    """The gateway ended `hold` because it drains: the client should go to another one."""


Event = Tick | Stop | Connected | Failed | Claimed | Listened | Answered | Moved | Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Resolve, connect, log in."""

    connection: int
    gateway: Address
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Run `claim`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Ask the gateway to listen on these ports."""

    ports: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Run `hold`, and send the first beat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Send one line to `hold`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """End the connection."""

    abort: bool
    """The connection hangs: do not send a disconnect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Write one line to the log."""

    text: str


Action = Connect | Claim | Listen | Hold | Beat | Drop | Say


class State(enum.Enum):
    """The state of the tunnel, as in the status file."""

    CONNECTING = "connecting"
    UP = "up"
    PARTIAL = "partial"
    """Up, but the gateway denies some ports."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the machine shows to the status file and to systemd."""

    state: State
    gateway: Address | None
    """None while the tunnel is not up."""
    listening: frozenset[int]
    denied: frozenset[int]
    verdict_s: int | None
    """The gateway's last verdict; None: no verdict yet."""
    error: str
    """Why the last connection ended; empty: none has ended yet."""
    slow: bool = False
    """The gateway can be reached, but needs more time than usual."""
