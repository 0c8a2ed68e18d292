"""A thief with a device's key: asyncssh, which sends whatever it is told to send."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from checker.model import Event, EventKind
from checker.sshd.program import find_sshd, lacks_log_verbose
from tests.system.clients import Device
from tests.system.harness import Gateway
from tests.system.waiting import until

FOR_LOG_VERBOSE = (
    "a terminal",
    "agent forwarding",
    "X11 forwarding",
    "the variable",
    "a tunnel device",
    "a Unix socket",
    "a port that is not its own",
)
"""Refusals that sshd logs only with LogVerbose; see docs/security.md."""
Attempt = Callable[[asyncssh.SSHClientConnection], Awaitable[object]]


@asynccontextmanager
async def break_in(device: Device) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Log in with the device's key."""
    known = asyncssh.import_known_hosts(f"[{device.host}]:{device.ssh_port} {device.host_key}\n")
    settings: dict[str, Any] = {
        "username": device.user,
        "client_keys": [str(device.key)],
        "known_hosts": known,
    }
    async with asyncssh.connect(
        device.host, device.ssh_port, config=None, agent_path=None, **settings
    ) as connection:
        yield connection


async def say(
    connection: asyncssh.SSHClientConnection, request: str | bytes | None, **options: Any
) -> tuple[int | None, str, str]:
    """Send one request, or ask for a shell (None); return exit status, stdout and stderr."""
    # asyncssh documents str only, but sends bytes unchanged
    done = await connection.run(
        request, stdin=asyncssh.DEVNULL, encoding="utf-8", errors="replace", **options
    )
    return done.exit_status, str(done.stdout), str(done.stderr)


def refused_event(gateway: Gateway, device: Device, says: str) -> Event:
    """Wait for the event of a refused request that contains this text."""
    return until(
        lambda: [e for e in gateway.events(device, EventKind.REFUSED) if says in e.text],
        f"an event that says {says!r}",
    )[-1]


def is_logged(words: str) -> bool:
    """Whether the sshd under attack logs this refusal; before OpenSSH 8.5 it has no LogVerbose."""
    return not (lacks_log_verbose(find_sshd()) and any(what in words for what in FOR_LOG_VERBOSE))


@contextmanager
def refusals_logged(gateway: Gateway, device: Device | None, *says: str) -> Iterator[None]:
    """Check that the attempts in the block become events of refusals, one for each text.

    Without a device, the events name no node.
    """
    name = None if device is None else device.node

    def texts() -> list[str]:
        return [
            event.text for event in gateway.events(kind=EventKind.REFUSED) if event.node == name
        ]

    before = {word: sum(word in text for text in texts()) for word in says if is_logged(word)}
    yield
    for word, known in before.items():
        try:
            until(
                lambda word=word, known=known: sum(word in text for text in texts()) > known,  # type: ignore[misc]
                f"a new event that says {word!r}",
            )
        except AssertionError as error:
            raise AssertionError(
                f"{error}; there are {texts()[-8:]}\n{gateway.log()[-1500:]}"
            ) from None


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def as_runner(gateway: Gateway, message: bytes) -> bytes:
    """Send the daemon a message as the user who runs the tests, an operator; return the answer."""
    with closing(socket.socket(socket.AF_UNIX)) as peer:
        peer.settimeout(150)
        peer.connect(str(gateway.layout.socket))
        peer.sendall(message)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65536):
            answer += part
        return answer
