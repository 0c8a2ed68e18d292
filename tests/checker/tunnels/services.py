"""Servers on the loopback for the tests of the probe."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from checker.model import (
    Expect,
    ProbeReply,
    parse_expect,
)
from checker.tunnels.probe import probe

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


SSH = parse_expect("banner:SSH-2.0")


DEADLINE_S = 0.4
"""Of a probe that is to wait it out."""


PATIENT_S = 10.0
"""Of one that must not."""


@asynccontextmanager
async def serving(
    talk: Talk, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """A server on a free port that talks so to each client, and hangs up when the block ends."""
    over = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
            if not writer.is_closing():
                await over.wait()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, host, 0, ssl=tls)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            over.set()
            await asyncio.sleep(0)


def says(*parts: bytes, then_close: bool = False, between_s: float = 0.02) -> Talk:
    """Says these, a little apart."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, part in enumerate(parts):
            if number:
                await asyncio.sleep(between_s)
            writer.write(part)
            await writer.drain()
        if then_close:
            writer.close()

    return talk


def answers(answer: bytes) -> Talk:
    """Waits for a request, then says this."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(4096):
            writer.write(answer)

    return talk


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection with an RST."""
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    writer.transport.abort()


async def reply_of(talk: Talk, expect: Expect, deadline_s: float = PATIENT_S) -> ProbeReply:
    async with serving(talk) as port:
        return (await probe(port, expect, deadline_s)).reply
