"""The words of the product as types: nodes, forwards, what a probe saw, and what it means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple, NewType, TypedDict

NodeName = NewType("NodeName", str)
Port = NewType("Port", int)

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
PORTS = range(1, 65536)
SHARED_KEY = "shared"
"""Stands for the public key of a node that has none of its own yet."""
VERBS = frozenset({"check", "claim", "hold", "version"})
"""First words of the wire grammar; no node may be called so."""


class CheckerError(Exception):
    """Root of all that the checker could not do; its text is a whole sentence."""


class InvalidValue(CheckerError):
    """A value that an admin or a file gave, and that can not be."""


class Status(StrEnum):
    """Our judgement of a forward; the order is that of the console, worst first."""

    BROKEN = "broken"
    """Of a row that stands for a broken file; no forward is ever judged so, and none is stored."""
    HUNG = "hung"
    FOREIGN = "foreign"
    DOWN = "down"
    REFUSED = "refused"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    UP = "up"


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


class ExpectKind(StrEnum):
    """Ways to tell that a target answered."""

    BANNER = "banner"
    HTTP = "http"
    TLS = "tls"
    SEND = "send"
    OPEN = "open"


ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


def unescape(text: str) -> bytes:
    r"""Text as it goes over the wire: UTF-8, with \r \n \t \\ and \xNN turned into the bytes that
    they stand for.
    """

    def one(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPES[code]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])", one, text.encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """The response that shows a forward to be up."""

    kind: ExpectKind
    text: str = ""
    """The banner's prefix, or what must come after `send`; escapes as written."""
    send: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ExpectKind.BANNER:
                return f"banner:{self.text}"
            case ExpectKind.SEND:
                return f"send:{self.send} expect:{self.text}"
            case ExpectKind.HTTP | ExpectKind.TLS | ExpectKind.OPEN:
                return self.kind.value


OPEN = Expect(kind=ExpectKind.OPEN)


NO_RESPONSE = "NULL"
"""What the original's devices say when connecting is enough. Source: server_port_mon.sh of the
original, which compares the first word.
"""


def expect_said(text: str) -> Expect:
    """What the original's expected text asks for: a banner; `open` if its first word is NULL, or it
    has no letter or digit.

    The original knows capitals only. No service greets with that word, so any case of it is safe to
    take as `open`.
    """
    names_a_response = (
        re.search(r"[A-Za-z0-9]", text) and text.split(" ", maxsplit=1)[0].upper() != NO_RESPONSE
    )
    return Expect(kind=ExpectKind.BANNER, text=text) if names_a_response else OPEN


def parse_expect(text: str) -> Expect:
    """One of `banner:PREFIX`, `http`, `tls`, `send:TEXT expect:TEXT`, `open`. Raises InvalidValue.

    `banner:NULL` is `open`: earlier releases imported the original's NULL so.
    """
    if text in ("http", "tls", "open"):
        return Expect(kind=ExpectKind(text))
    if text.startswith("banner:") and re.search(r"[A-Za-z0-9]", text[7:]):
        return expect_said(text[7:])
    if text.startswith("send:"):
        send, separator, awaited = text[5:].partition(" expect:")
        if separator and send and awaited:
            return Expect(kind=ExpectKind.SEND, send=send, text=awaited)
    raise InvalidValue(
        f"expect {text[:80]!r} is not known; write banner:PREFIX (with a letter or digit), http,"
        " tls, 'send:TEXT expect:TEXT' or open"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a forward leads, seen from the node."""

    host: str
    port: Port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_port(text: str, what: str = "port") -> Port:
    """A TCP port in decimal. Raises InvalidValue."""
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and int(text) in PORTS:
        return Port(int(text))
    raise InvalidValue(f"{what} {text[:40]!r} is not a port; write a number from 1 to 65535")


def parse_target(text: str) -> Target:
    """`HOST:PORT`, an IPv6 host in brackets. Raises InvalidValue."""
    match = re.fullmatch(
        r"(?:\[((?=[^]]*:)[0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9._-]+)):([0-9]+)", text, re.ASCII
    )
    if match is None:
        raise InvalidValue(
            f"target {text[:80]!r} is not HOST:PORT (an IPv6 address goes in brackets)"
        )
    return Target(host=match[1] or match[2], port=parse_port(match[3], "target port"))


def parse_name(text: str) -> NodeName:
    """A node's name: 1-63 of a-z, 0-9, dot, hyphen, beginning with a letter or digit. Raises
    InvalidValue.
    """
    if text in VERBS:
        raise InvalidValue(
            f"{text!r} can not name a node: it is a word of the protocol; choose another name"
        )
    if not NAME_PATTERN.match(text):
        raise InvalidValue(
            f"{text[:80]!r} can not name a node; use 1 to 63 of a-z 0-9 . - and begin with a letter"
            " or digit"
        )
    return NodeName(text)


def parse_day(text: str) -> str:
    """A day of the calendar, YYYY-MM-DD. Raises InvalidValue."""
    try:
        if (
            re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII)
            and date.fromisoformat(text).year >= 2000
        ):
            return text
    except ValueError:
        pass
    raise InvalidValue(f"{text[:40]!r} is not a day; write YYYY-MM-DD, from the year 2000 on")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """A forward as an admin asks for it; the port may be left to the registry."""

    port: Port | None
    target: Target
    expect: Expect = OPEN


def parse_forward(text: str) -> ForwardRequest:
    """`[PORT=]HOST:PORT[,expect]`. Raises InvalidValue."""
    place, comma, expect = text.partition(",")
    port, equals, target = place.rpartition("=")
    return ForwardRequest(
        port=parse_port(port) if equals else None,
        target=parse_target(target),
        expect=parse_expect(expect) if comma else OPEN,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A port of all the gateway's addresses, behind which HAProxy reaches a forward."""

    port: Port
    sni: str = ""
    """The name that a TLS visitor asks for; empty: whoever comes, or asks for no name that is
    published.
    """
    send_proxy: bool = False
    """Whether the target is told who comes, by a PROXY line."""

    def __str__(self) -> str:
        name = f" for {self.sni}" if self.sni else ""
        return f"{self.port}{name}{' with a PROXY line' if self.send_proxy else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One mapping that a node may have: a gateway port to a target on the node's side."""

    node: NodeName
    port: Port
    target: Target
    expect: Expect = OPEN
    deadline_s: float | None = None
    """None: the gateway's default."""
    public: bool = False
    """Whether the node may bind it to all of the gateway's addresses, not to loopback alone."""
    published: tuple[Publication, ...] = ()
    next_port: Port | None = None
    """The port that it moves to; both are the node's own until its device was seen on this one."""
    next_port_at: int = field(default=0, compare=False)
    """Unix seconds: when that was decided."""

    @property
    def ports(self) -> tuple[Port, ...]:
        """The gateway ports that are its own: the present one, and the one that it moves to."""
        return (self.port,) if self.next_port is None else (self.port, self.next_port)

    @property
    def speaks_proxy(self) -> bool:
        """Whether its target waits for a PROXY line first, from whoever connects."""
        return any(publication.send_proxy for publication in self.published)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A device: its name, its key, its forwards in the order that the admin gave."""

    name: NodeName
    public_key: str
    forwards: tuple[Forward, ...]
    added_at: int
    """Unix seconds."""
    enabled: bool = True
    """False: its key opens nothing, and its ports stay its own."""
    expires: str | None = None
    """YYYY-MM-DD, the first day (of the gateway's clock) on which its keys open nothing; None:
    never.
    """
    next_key: str | None = None
    """A second key, which becomes the only one once a tunnel that it opened holds the node's ports
    and beats.
    """
    next_key_at: int = field(default=0, compare=False)
    """Unix seconds: since when there are two keys."""
    key_since: int = 0
    """Unix seconds: when its key or its ports last became others at once; sshd binds a connection's
    ports to the key line of its login.
    """

    @property
    def rights_since(self) -> int:
        """A connection that is older (Unix seconds) logged in with rights that are none any
        more.
        """
        return max(self.added_at, self.key_since)

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The keys of its own that open this node's ports."""
        return tuple(
            key for key in (self.public_key, self.next_key) if key is not None and key != SHARED_KEY
        )

    @property
    def ports(self) -> tuple[Port, ...]:
        """All gateway ports that are its own."""
        return tuple(port for forward in self.forwards for port in forward.ports)

    @property
    def is_waiting(self) -> bool:
        """Whether it has two keys, or a forward two ports, until its device has followed."""
        return self.next_key is not None or any(
            forward.next_port is not None for forward in self.forwards
        )

    @property
    def is_shared(self) -> bool:
        """Whether the shared key still speaks for it: it has no key of its own, or has not used it
        yet.
        """
        return self.public_key == SHARED_KEY

    def barred(self, today: str) -> str:
        """Why it may not listen on this day (YYYY-MM-DD), as a clause; empty where it may."""
        if not self.enabled:
            return "disabled"
        return (
            f"its key expired on {self.expires}"
            if self.expires is not None and self.expires <= today
            else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ProcessId:
    """A process that can not be mistaken for a later one with the same number."""

    pid: int
    start_ticks: int
    """Field 22 of /proc/PID/stat: clock ticks since boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A bound port in LISTEN state."""

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
    """Something came."""

    expected: bool
    text: bytes
    """The first bytes, at most 256."""
    begun: bool = False
    """Whether it is a part of the expected response, of which the rest did not come in time."""


@dataclass(frozen=True, slots=True)
class StayedOpen:
    """The connection was accepted and neither spoke nor closed: all that `open` asks."""


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """The gateway itself could not make the connection (no descriptors, no ports): says nothing
    about the tunnel.
    """

    reason: str


Reply = NoListener | Closed | Silent | Answer | StayedOpen | ProbeFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What `hold` told of a node's live connection."""

    node: NodeName
    instance: str
    session: ProcessId
    peer: str
    registered_at: float
    """Unix seconds."""
    inodes: frozenset[int] = frozenset()
    """Listeners that this session was found to own when it registered."""
    client: str = ""
    """Program and version, as the client named itself; empty: it did not."""


class EventKind(StrEnum):
    """What the log tells."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the log: who did what to whom, and why."""

    at: float
    kind: EventKind
    text: str
    node: NodeName | None = None
    port: Port | None = None
    actor: str = "daemon"
    id: int = 0
    """Given by the state file; 0 before."""


ANSWER_SHOWN = 256
HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """What was last seen of one forward; times are Unix seconds, None is not known."""

    node: NodeName
    port: Port
    status: Status = Status.UNKNOWN
    detail: str = ""
    latency_ms: float | None = None
    session: ProcessId | None = None
    """The sshd process that holds the listener."""
    peer: str | None = None
    since: float | None = None
    """When the status became what it is."""
    probed_at: float | None = None
    checked_at: float | None = None
    """When the node last asked (check) or registered (hold)."""
    failures: int = 0
    """Probes in a row that did not find the forward up."""
    kills: int = 0
    strikes: int = 0
    """Silent probes in a row that count towards a kill."""
    verdict: int = 0
    """Seconds that the node is told to wait."""
    bytes_total: int | None = None
    """Bytes that the tunnel's connection carried, both ways, since it was opened."""
    answer: str = ""
    """What the last probe heard first, escaped, at most ANSWER_SHOWN characters; empty for
    nothing.
    """
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Time to add to a forward's daily roll-up."""

    day: str
    """YYYY-MM-DD, UTC."""
    up_s: float
    watched_s: float


class Hour(NamedTuple):
    """What was seen of a forward in one hour, or in a part of it; a tuple, as 120,000 of them are
    read at once.
    """

    node: NodeName
    port: Port
    hour: int
    """Unix seconds // 3600."""
    up_s: float
    watched_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregistered:
    """A device that the registry does not know, as it named itself over the shared key; times are
    Unix seconds.
    """

    node: NodeName
    port: Port
    expect: Expect
    """What it last said to expect."""
    first_at: float
    last_at: float

    @property
    def forward(self) -> Forward:
        """What is watched of it; where it leads is the device's own business."""
        return Forward(
            node=self.node,
            port=self.port,
            target=Target(host="unknown", port=self.port),
            expect=self.expect,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaps:
    """How often a node's tunnel was lost lately."""

    count: int = 0
    last_at: float = 0.0
    """Unix seconds; 0.0 where it never was."""
    session: ProcessId | None = None
    """The one lost last; None where it was not known."""


class TunnelJson(TypedDict):
    """A tunnel as `--json` shows it."""

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
    """The documented shape of one forward: what the registry decided and what was seen."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers that decisions are made by; all in seconds but the counts."""

    probe_every_s: float = 20.0
    deadline_s: float = 5.0
    strikes: int = 2
    strike_gap_s: float = 3.0
    starved_s: float = 1.0
    """A probe during which our own loop was later than this proves nothing."""
    longest_wait_s: int = 60
    quiet_s: float = 600.0
    """Without a flap for this long, the count begins anew."""
    unkillable_every_s: float = 150.0
    """Between probes of a hung port that we can not free: so seldom that sshd's own ClientAlive
    frees it as if it were idle.
    """
    ports: range = field(default=range(20000, 30000))


STALE_SWEEPS = 3
"""A row that no probe has touched for so many sweeps is stale, whatever its status says."""


def is_stale(seen: Tunnel, every_s: float, now: float) -> bool:
    """Whether the status is too old to be believed; one that was never probed is unknown, not
    stale.
    """
    return seen.probed_at is not None and now - seen.probed_at > STALE_SWEEPS * every_s


def joined(
    forwards: Iterable[Forward], seen: Iterable[Tunnel]
) -> tuple[tuple[Forward, Tunnel], ...]:
    """Each registered forward with what was seen of it; nothing yet is a tunnel of status
    unknown.
    """
    by_place = {(tunnel.node, tunnel.port): tunnel for tunnel in seen}
    return tuple(
        (f, by_place.get((f.node, f.port)) or Tunnel(node=f.node, port=f.port)) for f in forwards
    )


def printable(text: str | bytes, limit: int = 64) -> str:
    """Text from a device, safe to show: escaped, and at most `limit` characters."""
    raw = text.decode("latin-1") if isinstance(text, bytes) else text
    shown = "".join(
        c if " " <= c <= "~" else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
        for c in raw[:limit]
    )
    return shown[:limit]
