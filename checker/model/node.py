"""Nodes and their forwards, as an admin registers them, and the parsers of what he types."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NewType

from checker.model.errors import InvalidValue

NodeName = NewType("NodeName", str)
Port = NewType("Port", int)
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
PORTS = range(1, 65536)
SHARED_KEY = "shared"
"""Stands for the public key of a node that has none of its own yet."""
VERBS = frozenset({"check", "claim", "hold", "version"})
"""First words of the wire grammar; no node may be called so."""


class ExpectKind(StrEnum):
    """Ways to tell that a target answered."""

    BANNER = "banner"
    HTTP = "http"
    TLS = "tls"
    SEND = "send"
    OPEN = "open"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a forward leads, seen from the node."""

    host: str
    port: Port

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardRequest:
    """A forward as an admin asks for it."""

    port: Port | None
    """None: the registry allots one."""
    target: Target
    expect: Expect = OPEN
    public: bool = False
    """Whether the device may bind it to all of the gateway's addresses."""

    def __str__(self) -> str:
        """As `parse_forward` reads it."""
        port = "" if self.port is None else f"{self.port}="
        return f"{port}{self.target}{',public' if self.public else ''},{self.expect}"


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
    unknown_keys: tuple[str, ...] = field(default=(), compare=False)
    """Keys of its file that this version does not know, with the nearest that it does: kept, and
    without effect.
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


def parse_forward(text: str) -> ForwardRequest:
    """`[PORT=]HOST:PORT[,public][,EXPECT]`. Raises InvalidValue."""
    place, _, rest = text.partition(",")
    port, equals, target = place.rpartition("=")
    first, _, others = rest.partition(",")
    is_public = first == "public"
    expect = others if is_public else rest
    return ForwardRequest(
        port=parse_port(port) if equals else None,
        target=parse_target(target),
        expect=parse_expect(expect) if expect or text.endswith(",") else OPEN,
        public=is_public,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FreedPort:
    """A port that was freed."""

    port: Port
    node: NodeName
    """Whose it was."""
    freed_at: float
    """Unix seconds."""

    @property
    def sentence(self) -> str:
        return (
            f"port {self.port} belonged to node {self.node} until"
            f" {datetime.fromtimestamp(self.freed_at, UTC):%Y-%m-%d}"
        )
