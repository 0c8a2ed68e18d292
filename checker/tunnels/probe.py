"""Make one connection to a listener and report what came; knows neither history nor holders."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import re
import socket
import ssl
import time
from dataclasses import dataclass

from checker.model import (
    IPV4_LOOPBACK,
    Answer,
    Closed,
    Expect,
    ExpectKind,
    NoListener,
    ProbeFailed,
    ProbeReply,
    Silent,
    StayedOpen,
    unescape,
)

READ_AT_MOST = 4096
TEXT_KEPT = 256
SLOW_S = 30.0
"""Longest wait for a response that has begun, as long as more of it keeps coming."""
OPEN_SETTLES_S = 2.0
"""How long `open` watches whether the connection is closed: a refusal takes one round trip to the
node.
"""
MORE_LINES_S = 0.5
"""Wait for another line after one that does not match: servers may send lines before their banner
(RFC 4253, 4.2).
"""
BANNERS = frozenset({ExpectKind.BANNER, ExpectKind.HOSTKEY})
OURS_ALONE = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EADDRNOTAVAIL,
        errno.EPERM,
        errno.EACCES,
    }
)
"""Errors of connect whose cause is the gateway itself."""
UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EALREADY, errno.EINTR})
"""What connect says while the listener has not answered yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A reply, and how long it took."""

    reply: ProbeReply
    latency_ms: float
    first_ms: float | None = None
    """Until the first byte; None if none came."""
    address: str
    """The loopback address that was probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How long to wait for a target, and whether it gets a PROXY line."""

    deadline_s: float
    slow_s: float
    proxy: bool


@dataclass(frozen=True, slots=True)
class Until:
    """When a probe ends, on the loop's clock."""

    at: float
    waiting: Waiting

    def for_more(self, now: float) -> float:
        """Return when the probe ends, now that a part of the expected response came."""
        began = self.at - self.waiting.deadline_s
        return max(self.at, min(began + self.waiting.slow_s, now + self.waiting.deadline_s))


@dataclass(slots=True)
class Heard:
    """What came so far."""

    text: bytes = b""
    first_at: float | None = None
    """When the first byte came, monotonic."""

    def add(self, part: bytes) -> None:
        if part and self.first_at is None:
            self.first_at = time.monotonic()
        self.text += part


async def probe(  # noqa: PLR0913 - what is asked, where, and how long
    port: int,
    expect: Expect,
    deadline_s: float,
    *,
    proxy: bool = False,
    slow_s: float = SLOW_S,
    address: str = IPV4_LOOPBACK,
) -> Probed:
    """Connect to the listener on the gateway's loopback and wait for the expected response until
    the deadline.

    With `proxy`, send a PROXY line first. Wait up to `slow_s` for a response that has begun, as
    long as each next part comes within the deadline. Every outcome is a ProbeReply; only
    CancelledError is raised.
    """
    began, heard = time.monotonic(), Heard()
    try:
        sock = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM
        )
    except OSError as error:
        return Probed(reply=ProbeFailed(str(error)), latency_ms=0.0, address=address)
    with sock:
        sock.setblocking(False)
        try:
            reply = await connected(
                sock,
                (address, port),
                expect,
                Waiting(deadline_s=deadline_s, slow_s=slow_s, proxy=proxy),
                heard,
            )
        except OSError as error:
            reply = ProbeFailed(str(error)) if error.errno in OURS_ALONE else Closed()
        first_ms = None if heard.first_at is None else round((heard.first_at - began) * 1000, 2)
        return Probed(
            reply=reply,
            latency_ms=round((time.monotonic() - began) * 1000, 2),
            first_ms=first_ms,
            address=address,
        )


async def connected(
    sock: socket.socket, listener: tuple[str, int], expect: Expect, waiting: Waiting, heard: Heard
) -> ProbeReply:
    loop = asyncio.get_running_loop()
    until = loop.time() + waiting.deadline_s
    try:
        if not connects_at_once(sock, listener):
            async with asyncio.timeout_at(until):
                await loop.sock_connect(sock, listener)
    except TimeoutError:
        return Silent()  # the holder does not even accept
    except ConnectionRefusedError:
        return NoListener()
    if sock.getsockname() == sock.getpeername():
        # TCP connected to itself: the port lies in the ephemeral range, and nobody listens
        return NoListener()
    if expect.kind is ExpectKind.OPEN:
        until = min(until, loop.time() + OPEN_SETTLES_S)
    return await converse(
        sock,
        (proxy_line(sock) if waiting.proxy else b"") + opening(expect),
        expect,
        Until(until, waiting),
        heard,
    )


def connects_at_once(sock: socket.socket, listener: tuple[str, int]) -> bool:
    """Begin to connect, and return whether that is done already: on loopback it is, if the listener
    has room in its queue. Raises OSError.
    """
    error = sock.connect_ex(listener)
    if error == errno.EINPROGRESS:
        error = sock.connect_ex(listener)  # the second call says what became of the first
    if error and error not in UNDER_WAY:
        raise OSError(error, os.strerror(error))
    return not error


async def converse(
    sock: socket.socket, first: bytes, expect: Expect, until: Until, heard: Heard
) -> ProbeReply:
    """Send what the expected service waits for, and read until the answer can be judged."""
    loop = asyncio.get_running_loop()
    begun = matched = False
    try:
        async with asyncio.timeout_at(until.at) as limit:
            if first:
                await loop.sock_sendall(sock, first)
            while len(heard.text) < READ_AT_MOST:
                part = await loop.sock_recv(sock, READ_AT_MOST)
                heard.add(part)
                matched = matches(expect, heard.text)
                if matched or not part:
                    break
                begun = begins(expect, heard.text)
                if begun:
                    limit.reschedule(until.for_more(loop.time()))
                elif expect.kind in BANNERS and b"\n" in part:
                    limit.reschedule(min(until.at, loop.time() + MORE_LINES_S))
    except TimeoutError:
        if not heard.text:
            return StayedOpen() if expect.kind is ExpectKind.OPEN else Silent()
        return Answer(expected=False, text=heard.text[:TEXT_KEPT], begun=begun)
    except (ConnectionResetError, BrokenPipeError):
        pass
    if not heard.text:
        return Closed()
    return Answer(expected=matched, text=heard.text[:TEXT_KEPT])


def proxy_line(sock: socket.socket) -> bytes:
    """Return the PROXY protocol header, version 1, of our own connection; not UNKNOWN, which
    Postfix refuses.
    """
    (host, port), (to_host, to_port) = sock.getsockname()[:2], sock.getpeername()[:2]
    family = "TCP6" if sock.family == socket.AF_INET6 else "TCP4"
    return f"PROXY {family} {host} {to_host} {port} {to_port}\r\n".encode()


def opening(expect: Expect) -> bytes:
    """Return what to send first; nothing if the service speaks first."""
    match expect.kind:
        case ExpectKind.HTTP:
            return (
                b"HEAD / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: reversi\r\nConnection:"
                b" close\r\n\r\n"
            )
        case ExpectKind.TLS:
            return client_hello()
        case ExpectKind.SEND:
            return unescape(expect.send)
        case ExpectKind.BANNER | ExpectKind.HOSTKEY | ExpectKind.OPEN:
            return b""


def matches(expect: Expect, heard: bytes) -> bool:
    """Whether these first bytes are the expected response."""
    match expect.kind:
        case ExpectKind.BANNER | ExpectKind.HOSTKEY:
            wanted = letters_and_digits(expect.text.encode("utf-8"))
            return any(letters_and_digits(line).startswith(wanted) for line in heard.split(b"\n"))
        case ExpectKind.HTTP:
            return heard.startswith(b"HTTP/")
        case ExpectKind.TLS:
            # an alert is TLS too
            return len(heard) >= 3 and heard[0] in (0x15, 0x16) and heard[1] == 3
        case ExpectKind.SEND:
            return unescape(expect.text) in heard
        case ExpectKind.OPEN:
            return bool(heard)


def begins(expect: Expect, heard: bytes) -> bool:
    """Whether these first bytes are the beginning of the expected response, and nothing else."""
    match expect.kind:
        case ExpectKind.BANNER | ExpectKind.HOSTKEY:
            last = letters_and_digits(heard.rpartition(b"\n")[2])
            return bool(last) and letters_and_digits(expect.text.encode("utf-8")).startswith(last)
        case ExpectKind.HTTP:
            return b"HTTP/".startswith(heard)
        case ExpectKind.TLS:
            return (
                heard[:1] in (b"\x15", b"\x16") and heard[1:2] in (b"", b"\x03") and len(heard) < 3
            )
        case ExpectKind.SEND:
            wanted = unescape(expect.text)
            return any(heard.endswith(wanted[:count]) for count in range(1, len(wanted)))
        case ExpectKind.OPEN:
            return False


@functools.lru_cache(maxsize=256)
def letters_and_digits(text: bytes) -> bytes:
    """Return the part of a banner that the original product compared; a fleet has few banners."""
    return re.sub(rb"[^A-Za-z0-9]", b"", text)


@functools.cache
def client_hello() -> bytes:
    """Return a TLS client's first message, made by the TLS library; the same for all probes, as
    none goes further.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a TLS handshake ended without a peer")
