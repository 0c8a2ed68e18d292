"""Run the target services of the demo's forwards, on free loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from demo.processes import run_quietly
from demo.scene import Service

HOST = "127.0.0.1"
PATIENCE_S = 30.0
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 21\r\nConnection:"
    b" close\r\n\r\nThe camera sees you.\n"
)
GREETING = b"220 mail.example ESMTP ready\r\n"
GOODBYE = b"221 goodbye\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with a page."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(PAGE)
    await writer.drain()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first, like a mail server."""
    writer.write(GREETING)
    await writer.drain()
    await reader.readline()
    writer.write(GOODBYE)
    await writer.drain()


def patiently(talk: Talk) -> Talk:
    """Return the talk with a time limit, and with errors of the other side ignored."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await talk(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    return one


async def certificate(folder: Path) -> ssl.SSLContext:
    """Make a throwaway certificate. Raises DemoFailed."""
    key, cert = folder / "tls.key", folder / "tls.crt"
    await run_quietly(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=nas.example",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@contextlib.asynccontextmanager
async def services(folder: Path) -> AsyncIterator[dict[Service, int]]:
    """Run the services; yield the port of each except sshd. Raises DemoFailed."""
    talks = {
        Service.WEB: (serve_page, None),
        Service.TLS: (serve_page, await certificate(folder)),
        Service.MAIL: (greet, None),
    }
    with contextlib.ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind((HOST, 0))  # bound, but not listening: so nobody else can listen there
        ports = {Service.NOBODY: int(closed.getsockname()[1])}
        for service, (talk, context) in talks.items():
            server = await asyncio.start_server(patiently(talk), HOST, 0, ssl=context)
            stack.callback(server.close)
            ports[service] = int(server.sockets[0].getsockname()[1])
        yield ports
