"""One connection to a listener, and what came of it. Knows nothing of history or holders."""

from __future__ import annotations

import asyncio
import errno
import functools
import re
import socket
import ssl
import time
from dataclasses import dataclass

from checker.judge import IPV4_LOOPBACK
from checker.model import Answer, Closed, Expect, ExpectKind, NoListener, ProbeFailed, Reply, Silent, StayedOpen, unescape

READ_AT_MOST = 4096
TEXT_KEPT = 256
OPEN_SETTLES_S = 2.0
"""How long `open` watches whether the connection is closed again: a refusal takes one round trip to the node."""
MORE_LINES_S = 0.5
"""After a first line that does not match, wait this long for another: servers may speak before their banner (RFC 4253, 4.2)."""
OURS_ALONE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM, errno.EACCES})
"""Errors of connect that are the gateway's own trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """A reply, and how long it took."""

    reply: Reply
    latency_ms: float
    address: str
    """The loopback address that was probed."""


async def probe(port: int, expect: Expect, deadline_s: float, *, proxy: bool = False, address: str = IPV4_LOOPBACK) -> Probed:
    """Connect to the listener on the gateway's loopback and wait for the expected response, until the deadline.

    With `proxy` the target is told who comes, before anything else. Every outcome is a Reply; nothing is raised but CancelledError.
    """
    began = time.monotonic()
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        return Probed(reply=ProbeFailed(str(error)), latency_ms=0.0, address=address)
    with sock:
        sock.setblocking(False)
        try:
            reply = await connected(sock, (address, port), expect, deadline_s, proxy)
        except OSError as error:
            reply = ProbeFailed(str(error)) if error.errno in OURS_ALONE else Closed()
        return Probed(reply=reply, latency_ms=round((time.monotonic() - began) * 1000, 2), address=address)


async def connected(sock: socket.socket, listener: tuple[str, int], expect: Expect, deadline_s: float, proxy: bool) -> Reply:
    loop = asyncio.get_running_loop()
    until = loop.time() + deadline_s
    try:
        async with asyncio.timeout_at(until):
            await loop.sock_connect(sock, listener)
    except TimeoutError:
        return Silent()  # the holder does not even accept any more
    except ConnectionRefusedError:
        return NoListener()
    if sock.getsockname() == sock.getpeername():
        return NoListener()  # TCP connected to itself: the port lies in the ephemeral range, and nobody listens
    if expect.kind is ExpectKind.OPEN:
        until = min(until, loop.time() + OPEN_SETTLES_S)
    return await converse(sock, (proxy_line(sock) if proxy else b"") + opening(expect), expect, until)


async def converse(sock: socket.socket, first: bytes, expect: Expect, until: float) -> Reply:
    """Say what the expected service waits for, and read until the answer can be judged."""
    loop = asyncio.get_running_loop()
    heard = b""
    try:
        async with asyncio.timeout_at(until) as limit:
            await loop.sock_sendall(sock, first)
            while len(heard) < READ_AT_MOST:
                part = await loop.sock_recv(sock, READ_AT_MOST)
                heard += part
                if not part or matches(expect, heard):
                    break
                if expect.kind is ExpectKind.BANNER and b"\n" in part:
                    limit.reschedule(min(until, loop.time() + MORE_LINES_S))
    except TimeoutError:
        if not heard:
            return StayedOpen() if expect.kind is ExpectKind.OPEN else Silent()
    except (ConnectionResetError, BrokenPipeError):
        pass
    if not heard:
        return Closed()
    return Answer(expected=matches(expect, heard), text=heard[:TEXT_KEPT])


def proxy_line(sock: socket.socket) -> bytes:
    """The header of the PROXY protocol, version 1, for our own connection; not UNKNOWN, which Postfix refuses."""
    (host, port), (to_host, to_port) = sock.getsockname()[:2], sock.getpeername()[:2]
    family = "TCP6" if sock.family == socket.AF_INET6 else "TCP4"
    return f"PROXY {family} {host} {to_host} {port} {to_port}\r\n".encode()


def opening(expect: Expect) -> bytes:
    """What is sent first; nothing where the service speaks first."""
    match expect.kind:
        case ExpectKind.HTTP:
            return b"HEAD / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: reversi\r\nConnection: close\r\n\r\n"
        case ExpectKind.TLS:
            return client_hello()
        case ExpectKind.SEND:
            return unescape(expect.send)
        case ExpectKind.BANNER | ExpectKind.OPEN:
            return b""


def matches(expect: Expect, heard: bytes) -> bool:
    """Whether these first bytes are the expected response."""
    match expect.kind:
        case ExpectKind.BANNER:
            wanted = letters_and_digits(expect.text.encode("utf-8"))
            return any(letters_and_digits(line).startswith(wanted) for line in heard.split(b"\n"))
        case ExpectKind.HTTP:
            return heard.startswith(b"HTTP/")
        case ExpectKind.TLS:
            return len(heard) >= 3 and heard[0] in (0x15, 0x16) and heard[1] == 3  # an alert is TLS too
        case ExpectKind.SEND:
            return unescape(expect.text) in heard
        case ExpectKind.OPEN:
            return bool(heard)


def letters_and_digits(text: bytes) -> bytes:
    """What the original compared of a banner."""
    return re.sub(rb"[^A-Za-z0-9]", b"", text)


@functools.cache
def client_hello() -> bytes:
    """The first message of a TLS client, made by the TLS library; the same for all probes, as none goes further."""
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
