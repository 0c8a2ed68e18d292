"""A thief with a device's key: asyncssh, which asks for whatever it is told to."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import asyncssh

from checker.model import Event, EventKind
from tests.sshd.clients import Device
from tests.sshd.harness import Gateway
from tests.sshd.waiting import until

Attempt = Callable[[asyncssh.SSHClientConnection], Awaitable[object]]


@asynccontextmanager
async def break_in(device: Device) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A login with the device's key."""
    known = asyncssh.import_known_hosts(f"[{device.host}]:{device.ssh_port} {device.host_key}\n")
    settings: dict[str, Any] = {"username": device.user, "client_keys": [str(device.key)], "known_hosts": known}
    async with asyncssh.connect(device.host, device.ssh_port, config=None, agent_path=None, **settings) as connection:
        yield connection


async def say(connection: asyncssh.SSHClientConnection, request: str | bytes | None, **options: Any) -> tuple[int | None, str, str]:
    """Exit status, stdout and stderr of one request; None asks for a shell."""
    # asyncssh sends bytes as they are, though it promises so for text alone
    done = await connection.run(request, stdin=asyncssh.DEVNULL, encoding="utf-8", errors="replace", **options)
    return done.exit_status, str(done.stdout), str(done.stderr)


def refused_event(gateway: Gateway, device: Device, says: str) -> Event:
    """The event of a refused request that says so, once it is there."""
    return until(lambda: [e for e in gateway.events(device, EventKind.REFUSED) if says in e.text], f"an event that says {says!r}")[-1]


def as_runner(gateway: Gateway, message: bytes) -> bytes:
    """What the daemon answers whoever runs the tests: an operator, as root or as its own user."""
    with closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(40)
        peer.connect(str(gateway.layout.socket))
        peer.sendall(message)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65536):
            answer += part
        return answer
