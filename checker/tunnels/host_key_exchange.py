"""Ask the SSH server behind a listener for its host key, by the start of a key exchange."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from checker.model import IPV4_LOOPBACK, Forward, InvalidValue, parse_public_key, printable, type_of
from checker.tunnels.probe import proxy_line

KEY_EXCHANGES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha1",
)
"""Those whose cost the server cannot choose: it could send a huge group, and stop the daemon."""
SIGNATURES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
}
"""Types of host keys, the best first, and the algorithms that prove each. Old builds of dropbear
know only the last one.
"""
REASON_CHARACTERS = 160
MOST_BYTES = 1 << 16
"""What a server may send: a key exchange takes a few thousand bytes. Packets without effect, sent
without end, would keep the daemon's loop from all else.
"""
CHUNK_BYTES = 1 << 12


@dataclass(frozen=True, slots=True)
class Showed:
    """The server proved that it has the private key of this one."""

    key: str
    """`TYPE BASE64`."""


@dataclass(frozen=True, slots=True)
class NotShown:
    """There was no key exchange."""

    reason: str
    """A clause."""


def signatures(first: str) -> list[str]:
    """Return the algorithms to offer, those of the type of the key `first` before the others;
    empty: the usual order.
    """
    kinds = sorted(SIGNATURES, key=lambda kind: kind != type_of(first))
    return [name for kind in kinds for name in SIGNATURES[kind]]


async def read_host_key(
    forward: Forward, address: str, *, port: int, first: str, deadline_s: float
) -> Showed | NotShown:
    """Connect to the listener, and return the host key that the server proves to have.

    A server has a key of each type: it is asked for the type of the key `first`, then for others.
    """
    try:
        await asyncio.to_thread(importlib.import_module, "asyncssh")  # slow, and few need it
    except ImportError as error:
        return NotShown(f"asyncssh cannot be loaded: {error}")
    try:
        async with asyncio.timeout(deadline_s):
            return await shown_at(forward, (address, port), signatures(first))
    except TimeoutError:
        return NotShown(f"no key exchange in {deadline_s:g} s")
    except OSError as error:
        return NotShown(os.strerror(error.errno) if error.errno else str(error))


async def shown_at(
    forward: Forward, listener: tuple[str, int], algorithms: list[str]
) -> Showed | NotShown:
    """Exchange keys with whoever listens there. Raises OSError."""
    import asyncssh

    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    family = socket.AF_INET if listener[0] == IPV4_LOOPBACK else socket.AF_INET6
    channel = socket.socket(family, socket.SOCK_STREAM)
    try:
        channel.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(channel, listener)
        if forward.speaks_proxy:
            await loop.sock_sendall(channel, proxy_line(channel))
        options = await bare_options()
        async with limited(channel) as ours:
            key = await asyncssh.get_server_host_key(
                listener[0],  # only a name for it, as `ours` has none
                sock=ours,
                config=None,
                options=options,
                client_version="reversi",
                kex_algs=KEY_EXCHANGES,
                server_host_key_algs=algorithms,
            )
    except (OSError, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - the device chose what was parsed
        return NotShown(printable(str(error) or type(error).__name__, REASON_CHARACTERS))
    finally:
        channel.close()
    try:
        return Showed(parse_public_key("" if key is None else key.export_public_key().decode()))
    except InvalidValue as error:
        return NotShown(str(error))


@contextlib.asynccontextmanager
async def limited(channel: socket.socket) -> AsyncIterator[socket.socket]:
    """A socket that leads to this one for the block, and ends after MOST_BYTES from there."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    copies = (
        asyncio.create_task(copy(channel, theirs, MOST_BYTES), name="read a host key"),
        asyncio.create_task(copy(theirs, channel, MOST_BYTES), name="ask for a host key"),
    )
    try:
        yield ours  # asyncssh closes it
    finally:
        for one in copies:
            one.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        theirs.close()


async def copy(source: socket.socket, sink: socket.socket, most: int) -> None:
    """Copy so many bytes at most; then, or at the end of the source, end the sink."""
    loop = asyncio.get_running_loop()
    try:
        while most > 0 and (data := await loop.sock_recv(source, min(most, CHUNK_BYTES))):
            most -= len(data)
            await loop.sock_sendall(sink, data)
    finally:
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


async def bare_options() -> Any:
    """Return options with which asyncssh reads none of our user's files."""
    import asyncssh

    return await asyncssh.SSHClientConnectionOptions.construct(
        config=None,
        username="reversi",
        client_keys=None,
        agent_path=None,
        known_hosts=None,
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
    )
