"""Logging in to the gateway: names resolved anew, the pinned host key, this node's key, and nothing else of the machine's."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.packet import SSHPacketLogger

from client.config import Address, Config, read_private_key
from client.errors import ConfigError
from client.words import Failure

KEEPALIVE_S, KEEPALIVES = 15, 2
SAID_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no login."""

    failure: Failure
    reason: str


def printable(text: str) -> str:
    """Foreign text, fit for one line of the log."""
    line = " ".join(text.split())[:SAID_LENGTH]
    return "".join(char if char.isprintable() else "?" for char in line)


def reason_of(error: Exception) -> str:
    """The sentence in a foreign error; for what the system has a word, its word: asyncio's own name addresses as Python writes them."""
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
    """The address's numbers, in the resolver's order. Raises OSError.

    In a thread of its own that nobody joins: a resolver that hangs must not keep the process from ending.
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
            failed = OSError(f"{address.host} can not be resolved: {reason_of(error)}")
        try:
            loop.call_soon_threadsafe(settle, numbers, failed)
        except RuntimeError:
            return  # the loop has ended, and nobody asks any more

    threading.Thread(target=look_up, name=f"resolve {address.host}", daemon=True).start()
    return await found


def host_keys(config: Config) -> list[asyncssh.SSHKey]:
    """The pinned keys. Raises ConfigError."""
    try:
        return [asyncssh.import_public_key(text) for text in config.host_keys]
    except asyncssh.KeyImportError as error:
        raise ConfigError(config.path, f"host_key holds an item that is no public key: {reason_of(error)}") from None


def private_key(config: Config) -> asyncssh.SSHKey:
    """The node's key. Raises ConfigError."""
    content = read_private_key(config)
    try:
        return asyncssh.import_private_key(content)
    except asyncssh.KeyEncryptionError:
        raise ConfigError(config.path, f"key: {config.key} is encrypted; a node's key has no passphrase") from None
    except asyncssh.KeyImportError as error:
        raise ConfigError(config.path, f"key: {config.key} is no private key: {reason_of(error)}") from None


def login_options(config: Config) -> asyncssh.SSHClientConnectionOptions:
    """How to log in. Raises ConfigError.

    Fast algorithms first, and the library's others after them: the gateway may be old.
    """
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        username=config.user,
        known_hosts=(host_keys(config), [], []),
        client_keys=[private_key(config)],
        agent_path=None,
        preferred_auth="publickey",
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        kex_algs="^curve25519-sha256,curve25519-sha256@libssh.org",
        encryption_algs="^aes128-gcm@openssh.com",
        compression_algs=["none"],
        keepalive_interval=KEEPALIVE_S,
        keepalive_count_max=KEEPALIVES,
    )


def spare_packets(connection: asyncssh.SSHClientConnection) -> None:
    """Have the library leave out the empty packet that it sends before each other one.

    That guards against what CBC ciphers give away, of which none is among ours; it costs a third of the throughput, and twice the packets
    of a beat. Source: asyncssh 2.x, SSHConnection.send_packet; RFC 4253, 9.3.1.
    """
    send = connection.send_packet

    def send_others(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)

    connection.send_packet = send_others  # type: ignore[method-assign]


class Dialer:
    """Opens connections to the gateway, each within its time."""

    def __init__(self, options: asyncssh.SSHClientConnectionOptions, timeout_s: float) -> None:
        self.options, self.timeout_s = options, timeout_s

    async def dial(self, gateway: Address, owner: Callable[[], asyncssh.SSHClient]) -> asyncssh.SSHClientConnection | Refusal:
        """A connection to one of the gateway's numbers, or why there is none."""
        try:
            async with asyncio.timeout(self.timeout_s):
                numbers = await resolve(gateway)
        except TimeoutError:
            return Refusal(failure=Failure.UNREACHABLE, reason=f"{gateway.host} was not resolved in {self.timeout_s:g} s")
        except OSError as error:
            return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))
        refusal = Refusal(failure=Failure.UNREACHABLE, reason="the name has no address")
        for number in numbers:
            outcome = await self.log_in(Address(host=number, port=gateway.port), owner)
            if not isinstance(outcome, Refusal):
                return outcome
            refusal = outcome
        return refusal

    async def log_in(self, number: Address, owner: Callable[[], asyncssh.SSHClient]) -> asyncssh.SSHClientConnection | Refusal:
        try:
            async with asyncio.timeout(self.timeout_s):
                return await asyncssh.connect(number.host, number.port, options=self.options, config=None, client_factory=owner)
        except TimeoutError:
            return Refusal(failure=Failure.UNREACHABLE, reason=f"no login in {self.timeout_s:g} s")
        except asyncssh.HostKeyNotVerifiable:
            reason = "the host key is not the pinned one; if the gateway has a new one, put it into host_key"
            return Refusal(failure=Failure.IMPOSTOR, reason=reason)
        except asyncssh.PermissionDenied:
            return Refusal(failure=Failure.DENIED, reason="the gateway does not accept this node's key")
        except (asyncssh.Error, OSError) as error:
            return Refusal(failure=Failure.UNREACHABLE, reason=reason_of(error))
