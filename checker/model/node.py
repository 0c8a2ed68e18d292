"""Nodes and their forwards as an admin registers them, and parsers of what the admin types."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NewType

from checker.model.errors import InvalidValue

NodeName = NewType("NodeName", str)
Port = NewType("Port", int)
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}\Z")
PORTS = range(1, 65536)
SHARED_KEY = "shared"
"""In place of a public key: the node has no key of its own yet."""
VERBS = frozenset({"check", "claim", "hold", "version"})
"""First words of the wire grammar; no node may have one of these names."""


class ExpectKind(StrEnum):
    """How to recognize that a target answered."""

    BANNER = "banner"
    HTTP = "http"
    TLS = "tls"
    SEND = "send"
    OPEN = "open"
    HOSTKEY = "hostkey"
    """An SSH banner; and now and then the host key is compared with the pinned one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """The response that shows that a forward is up."""

    kind: ExpectKind
    text: str = ""
    """The prefix of the banner, or the answer to `send`; escapes are not decoded."""
    send: str = ""

    def __str__(self) -> str:
        match self.kind:
            case ExpectKind.BANNER:
                return f"banner:{self.text}"
            case ExpectKind.SEND:
                return f"send:{self.send} expect:{self.text}"
            case ExpectKind.HTTP | ExpectKind.TLS | ExpectKind.OPEN | ExpectKind.HOSTKEY:
                return self.kind.value


OPEN = Expect(kind=ExpectKind.OPEN)
SSH_BANNER = Expect(kind=ExpectKind.BANNER, text="SSH-")
HOSTKEY = Expect(kind=ExpectKind.HOSTKEY, text=SSH_BANNER.text)
"""What a probe reads of the target is its banner."""
NO_RESPONSE = "NULL"
"""What devices of the original send if connecting is enough. Source: the original's
server_port_mon.sh, which compares the first word.
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
    says_expect: bool = field(default=True, compare=False)
    """Whether the admin named the expected response."""

    def __str__(self) -> str:
        """As `parse_forward` reads it."""
        port = "" if self.port is None else f"{self.port}="
        return f"{port}{self.target}{',public' if self.public else ''},{self.expect}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A port that HAProxy opens on all addresses of the gateway and passes to a forward."""

    port: Port
    sni: str = ""
    """The name that a TLS visitor must ask for; empty: every visitor whose name is not published
    by another forward.
    """
    send_proxy: bool = False
    """Whether HAProxy sends the visitor's address to the target in a PROXY line."""

    def __str__(self) -> str:
        name = f" for {self.sni}" if self.sni else ""
        return f"{self.port}{name}{' with a PROXY line' if self.send_proxy else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One mapping of a node: from a gateway port to a target on the node's side."""

    node: NodeName
    port: Port
    target: Target
    expect: Expect = OPEN
    deadline_s: float | None = None
    """Seconds until a probe without an answer counts as silent; None: the gateway's default."""
    public: bool = False
    """Whether the node may bind the port on all addresses of the gateway, not only on loopback."""
    published: tuple[Publication, ...] = ()
    next_port: Port | None = None
    """The port that the forward moves to. Both belong to the node until its device uses this
    one.
    """
    next_port_at: int = field(default=0, compare=False)
    """Unix seconds: when the move was decided."""
    port_at: int = field(default=0, compare=False)
    """Unix seconds: since when the port is the node's, if it was added beside others; 0: as long as
    the node's other rights.
    """
    leaves_at: int = 0
    """Unix seconds: since when the forward is leaving; it goes once its device no longer listens
    there. 0: it stays.
    """
    host_key: str = ""
    """The SSH host key of the target, as `TYPE BASE64`; empty: none is pinned. It gives no
    rights.
    """

    @property
    def ports(self) -> tuple[Port, ...]:
        """The gateway ports of this forward: the present one, and the one that it moves to."""
        return (self.port,) if self.next_port is None else (self.port, self.next_port)

    @property
    def speaks_proxy(self) -> bool:
        """Whether the target expects a PROXY line first on every connection."""
        return any(publication.send_proxy for publication in self.published)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A device: its name, its key, and its forwards in the order that the admin chose."""

    name: NodeName
    public_key: str
    forwards: tuple[Forward, ...]
    added_at: int
    """Unix seconds."""
    enabled: bool = True
    """False: its keys open nothing, but its ports stay reserved for it."""
    expires: str | None = None
    """YYYY-MM-DD: the first day, by the gateway's clock, on which its keys open nothing; None: they
    do not expire.
    """
    next_key: str | None = None
    """A second key. It becomes the only one once a tunnel that it opened holds the node's ports and
    beats.
    """
    next_key_at: int = field(default=0, compare=False)
    """Unix seconds: when the second key was added."""
    key_since: int = 0
    """Unix seconds: when its key or its ports were last replaced at once. sshd fixes the ports of a
    connection when it logs in.
    """
    calls_itself: str = ""
    """What its device calls itself, if that is not the node's name. Only to show and compare."""
    tags: tuple[str, ...] = ()
    """The admin's labels, sorted, each once."""
    note: str = ""
    """The admin's remark, one line; empty: none."""
    probe_beating_every_s: float | None = None
    """Seconds between two probes of a forward while its tunnel beats; None: as the gateway's
    settings say.
    """
    unknown_keys: tuple[str, ...] = field(default=(), compare=False)
    """A clause for each key of its file that this version does not know, and for each wrong value
    of one that gives no rights. Both are kept and have no effect.
    """

    @property
    def rights_since(self) -> int:
        """Unix seconds: a connection older than this logged in with rights since revoked."""
        return max(self.added_at, self.key_since)

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The node's own keys; the shared key is not among them."""
        return tuple(
            key for key in (self.public_key, self.next_key) if key is not None and key != SHARED_KEY
        )

    @property
    def ports(self) -> tuple[Port, ...]:
        """All gateway ports of the node."""
        return tuple(port for forward in self.forwards for port in forward.ports)

    @property
    def is_waiting(self) -> bool:
        """Whether it has two keys, a forward with two ports, or one that leaves, until
        its device has followed.
        """
        return self.next_key is not None or any(
            forward.next_port is not None or forward.leaves_at for forward in self.forwards
        )

    def answers_to(self, word: str) -> bool:
        """Whether a device that calls itself `word` may be this node's."""
        return word in (self.name, self.calls_itself)

    @property
    def lasting(self) -> tuple[Forward, ...]:
        """The forwards that its device should have, without those that leave."""
        return tuple(forward for forward in self.forwards if not forward.leaves_at)

    @property
    def remote_forwards(self) -> tuple[str, ...]:
        """What its device should listen for, as `ssh -R` takes it: [*:]PORT:HOST:PORT each."""
        return tuple(
            f"{'*:' if one.public else ''}{one.next_port or one.port}:{one.target}"
            for one in self.lasting
        )

    @property
    def is_shared(self) -> bool:
        """Whether the shared key still speaks for it, as it has not used a key of its own yet."""
        return self.public_key == SHARED_KEY

    def barred(self, today: str) -> str:
        """Why the node may not listen on this day (YYYY-MM-DD), as a clause; empty if it may."""
        if not self.enabled:
            return "disabled"
        return (
            f"its key expired on {self.expires}"
            if self.expires is not None and self.expires <= today
            else ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregistered:
    """A device that is not in the registry, by the name that follows from what it calls itself.
    Times are Unix seconds.
    """

    node: NodeName
    port: Port
    expect: Expect
    """The response that the device last named."""
    first_at: float
    last_at: float
    calls_itself: str = ""
    """What the device calls itself, if that is not the node's name."""

    @property
    def word(self) -> str:
        """What the device calls itself."""
        return self.calls_itself or self.node

    @property
    def forward(self) -> Forward:
        """The forward to watch; only the device knows its target."""
        return Forward(
            node=self.node,
            port=self.port,
            target=Target(host="unknown", port=self.port),
            expect=self.expect,
        )


def expect_said(text: str) -> Expect:
    """Parse the expected text of a device of the original: a banner, or `open` if the first word is
    NULL or there is no letter or digit.

    The original knows NULL only in capitals. No service greets with that word, so any case of it
    safely means `open`.
    """
    names_a_response = (
        re.search(r"[A-Za-z0-9]", text) and text.split(" ", maxsplit=1)[0].upper() != NO_RESPONSE
    )
    return Expect(kind=ExpectKind.BANNER, text=text) if names_a_response else OPEN


def parse_expect(text: str) -> Expect:
    """Parse `banner:PREFIX`, `http`, `tls`, `send:TEXT expect:TEXT`, `hostkey` or `open`. Raises
    InvalidValue.

    `banner:NULL` means `open`: earlier releases imported the original's NULL that way.
    """
    if text == "hostkey":
        return HOSTKEY
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
        " tls, 'send:TEXT expect:TEXT', hostkey or open"
    )


def parse_port(text: str, what: str = "port") -> Port:
    """Parse a TCP port in decimal. Raises InvalidValue."""
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and int(text) in PORTS:
        return Port(int(text))
    raise InvalidValue(f"{what} {text[:40]!r} is not a port; write a number from 1 to 65535")


def parse_target(text: str, what: str = "target") -> Target:
    """Parse `HOST:PORT`, with an IPv6 host in brackets; `what` is its name in the error. Raises
    InvalidValue.
    """
    match = re.fullmatch(
        r"(?:\[((?=[^]]*:)[0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9._-]+)):([0-9]+)", text, re.ASCII
    )
    if match is None:
        raise InvalidValue(f"{what} {text[:80]!r} is not HOST:PORT{why_no_target(text)}")
    return Target(host=match[1] or match[2], port=parse_port(match[3], f"{what} port"))


def why_no_target(text: str) -> str:
    """Say what is missing for HOST:PORT, as the rest of a sentence."""
    host, colon, port = text.rpartition(":")
    if re.fullmatch(r"[A-Za-z0-9._-]+", text, re.ASCII):
        return f"; add the port, as in {text[:80]}:22"
    if colon and re.fullmatch(r"[A-Za-z0-9._-]+", host, re.ASCII):
        return f": {port[:40]!r} is not a port number; write for example {host[:80]}:22"
    return " (an IPv6 address goes in brackets, as in [2001:db8::1]:22)"


def parse_name(text: str) -> NodeName:
    """Parse a node's name: 1 to 63 of a-z, 0-9, dot and hyphen, and first a letter or digit. Raises
    InvalidValue.
    """
    if text in VERBS:
        raise InvalidValue(
            f"{text!r} cannot name a node: it is a word of the protocol; choose another name"
        )
    if not NAME_PATTERN.match(text):
        raise InvalidValue(
            f"{text[:80]!r} cannot name a node; use 1 to 63 of a-z 0-9 . - and begin with a letter"
            " or digit"
        )
    return NodeName(text)


def parse_day(text: str) -> str:
    """Parse a day, YYYY-MM-DD. Raises InvalidValue."""
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
    """Parse `[PORT=]HOST:PORT[,public][,EXPECT]`. Raises InvalidValue."""
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
        says_expect=bool(expect),
    )
