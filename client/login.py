"""Log in to the gateway with the node's key, and accept only the pinned host keys.

The machine's own SSH configuration, agent and known hosts are not used, and the gateway's name is
resolved for each login.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import asyncssh

from client.addresses import Memory, race
from client.config import Address, Config, read_private_key
from client.errors import ConfigError
from client.pace import Limits
from client.words import Failure

HEAD_START_PART = 5
"""Try the next address of the name after a fifth of the login's time limit: 2 s on a usual link,
more on a slow one.
"""
FOREIGN_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no login."""

    failure: Failure
    reason: str


def printable(text: str) -> str:
    """Return foreign text as one short printable line for the log."""
    line = " ".join(text.split())[:FOREIGN_LENGTH]
    return "".join(char if char.isprintable() else "?" for char in line)


def reason_of(error: Exception) -> str:
    """Return the message of a foreign error, on one line.

    Prefer the system's message: asyncio's contains an address in Python's notation.
    """
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return printable(os.strerror(error.errno or 0).lower())
    if isinstance(error, OSError) and error.strerror:
        return printable(error.strerror.lower())
    return printable(str(error)) or type(error).__name__


def is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def resolve(address: Address) -> tuple[str, ...]:
    """Return the host's IP addresses, in the resolver's order. Raises OSError.

    Resolve in a thread that nobody joins: a hanging resolver must not keep the process from
    exiting.
    """
    if is_number(address.host):
        return (address.host,)
    loop = asyncio.get_running_loop()
    found: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def settle(numbers: tuple[str, ...], error: Exception | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(numbers)
        else:
            found.set_exception(error)

    def look_up() -> None:
        numbers: tuple[str, ...] = ()
        failed: Exception | None = None
        try:
            entries = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            numbers = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            failed = OSError(f"{address.host} cannot be resolved: {reason_of(error)}")
        try:
            loop.call_soon_threadsafe(settle, numbers, failed)
        except RuntimeError:
            return  # the loop has ended

    threading.Thread(target=look_up, name=f"resolve {address.host}", daemon=True).start()
    return await found


def host_keys(config: Config, gateway: Address) -> list[asyncssh.SSHKey]:
    """Return the gateway's pinned host keys, without those of a type that asyncssh does not know.
    Raises ConfigError if none is left, or one of a known type is damaged.
    """
    pinned = config.pinned(gateway)
    found = [text for text in pinned if is_known_type(text)]
    try:
        return [asyncssh.import_public_key(text) for text in found or pinned]
    except asyncssh.KeyImportError as error:
        raise ConfigError(
            config.path, f"host_key has an item that is not a public key: {reason_of(error)}"
        ) from None


def is_known_type(text: str) -> bool:
    return text.partition(" ")[0].encode() in asyncssh.public_key.get_public_key_algs()


def private_key(config: Config) -> asyncssh.SSHKey:
    """Return the node's private key. Raises ConfigError."""
    content = read_private_key(config)
    try:
        return asyncssh.import_private_key(content)
    except asyncssh.KeyEncryptionError:
        raise ConfigError(
            config.path, f"key: {config.key} is encrypted; a node's key must not have a passphrase"
        ) from None
    except asyncssh.KeyImportError as error:
        raise ConfigError(
            config.path, f"key: {config.key} is not a private key: {reason_of(error)}"
        ) from None


def login_options(config: Config) -> dict[Address, asyncssh.SSHClientConnectionOptions]:
    """Return asyncssh's options for a login at each gateway. Raises ConfigError."""
    return {gateway: options_at(config, gateway) for gateway in config.gateways}


def options_at(config: Config, gateway: Address) -> asyncssh.SSHClientConnectionOptions:
    """Return asyncssh's options for a login at this gateway. Raises ConfigError.

    Offer fast algorithms first, and then asyncssh's others, as the gateway may be old. Send no
    keepalives: during a transfer their answers are late, and asyncssh would end a healthy
    connection. The beats replace them.
    """
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=config.user,
        known_hosts=(host_keys(config, gateway), [], []),
        client_keys=[private_key(config)],
        agent_path=None,
        preferred_auth="publickey",
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        kex_algs="^curve25519-sha256,curve25519-sha256@libssh.org",
        encryption_algs="^aes128-gcm@openssh.com",
        compression_algs=["none"],
        keepalive_interval=0,
    )


class Owner(asyncssh.SSHClient):
    """asyncssh's callbacks for one connection."""

    def __init__(self) -> None:
        self.connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.connection = conn

    @property
    def has_banner(self) -> bool:
        """Whether the gateway has sent its SSH banner."""
        return self.connection is not None and bool(
            self.connection.get_extra_info("server_version")
        )


class Dialer:
    """Open connections to the gateways, with time limits, and remember which addresses work."""

    def __init__(self, options: Mapping[Address, asyncssh.SSHClientConnectionOptions]) -> None:
        self.options = options
        self.memory = Memory()

    async def dial(
        self, gateway: Address, limits: Limits, owner: Callable[[], Owner]
    ) -> asyncssh.SSHClientConnection | Refusal:
        """Return a connection to one of the gateway's addresses, or why there is none."""
        try:
            async with asyncio.timeout(limits.connect_s):
                left = self.memory.order(await resolve(gateway))
        except TimeoutError:
            return Refusal(
                failure=Failure.UNREACHABLE,
                reason=f"{gateway.host} was not resolved within {limits.connect_s:g} s",
            )
        except OSError as error:
            return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))
        while True:
            try:
                async with asyncio.timeout(limits.connect_s):
                    number, channel = await race(
                        left,
                        gateway.port,
                        min(limits.login_s / HEAD_START_PART, limits.connect_s / (len(left) + 1)),
                    )
            except TimeoutError as error:
                # the system's own time-out has a number
                ours = f"no connection within {limits.connect_s:g} s"
                reason = reason_of(error) if error.errno else ours
                return Refusal(failure=Failure.SILENT, reason=reason)
            except ConnectionRefusedError as error:
                return Refusal(failure=Failure.REFUSED, reason=reason_of(error))
            except OSError as error:
                return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))
            found = Address(host=number, port=gateway.port)
            outcome = await log_in(found, channel, self.options[gateway], limits, owner())
            if not isinstance(outcome, Refusal):
                self.memory.worked(number)
                return outcome
            self.memory.failed(number)
            left.remove(number)
            if not left:
                return outcome


async def log_in(
    number: Address,
    channel: socket.socket,
    options: asyncssh.SSHClientConnectionOptions,
    limits: Limits,
    owner: Owner,
) -> asyncssh.SSHClientConnection | Refusal:
    """Log in over an open TCP connection."""
    try:
        async with asyncio.timeout(limits.login_s) as limit:
            with early_end(limit, owner, limits):
                return await asyncssh.connect(
                    number.host,
                    number.port,
                    sock=channel,
                    options=options,
                    config=None,
                    client_factory=lambda: owner,
                )
    except TimeoutError:
        reason = (
            f"no login within {limits.login_s:g} s"
            if owner.has_banner
            else f"no SSH banner within {limits.banner_s:g} s"
        )
        return Refusal(failure=Failure.SLOW, reason=reason)
    except asyncssh.HostKeyNotVerifiable:
        reason = (
            "the host key does not match the pinned one; if the gateway's key was replaced, put"
            " the new one into host_key"
        )
        return Refusal(failure=Failure.IMPOSTOR, reason=reason)
    except asyncssh.PermissionDenied:
        return Refusal(failure=Failure.DENIED, reason="the gateway does not accept this node's key")
    except (asyncssh.ConnectionLost, ConnectionError) as error:
        if owner.has_banner:
            return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))
        reason = "the gateway is busy: it closed the connection before its SSH banner"
        return Refusal(failure=Failure.BUSY, reason=reason)
    except (asyncssh.Error, OSError) as error:
        return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))


@contextlib.contextmanager
def early_end(limit: asyncio.Timeout, owner: Owner, limits: Limits) -> Iterator[None]:
    """Let the login time out early if no banner came in time."""
    if limits.banner_s >= limits.login_s:
        yield
        return
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not owner.has_banner:
            limit.reschedule(loop.time())

    timer = loop.call_later(limits.banner_s, look)
    try:
        yield
    finally:
        timer.cancel()
