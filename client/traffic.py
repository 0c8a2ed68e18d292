"""Count what moves on one SSH connection, and keep its send queue short.

asyncssh would read as much from the targets as the gateway's windows allow: megabytes, which a beat
would have to wait for. So read the targets only while little data is queued in this process, and
have the kernel queue little unsent data.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios
from typing import cast

import asyncssh
from asyncssh.constants import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_IGNORE,
    MSG_KEXINIT,
    MSG_NEWKEYS,
)
from asyncssh.forward import SSHForwarder
from asyncssh.packet import SSHPacketLogger

from client.words import Moved

UNSENT_BYTES = 1 << 16
"""The limit for this process, and again for the kernel."""
CHUNK = 1 << 16
SMALL_BYTES = 1 << 10
CAN_WAIT = frozenset(
    {MSG_CHANNEL_OPEN_CONFIRMATION, MSG_CHANNEL_WINDOW_ADJUST, MSG_CHANNEL_EOF, MSG_CHANNEL_CLOSE}
)
WAITS_S = 0.005
IS_LINUX = sys.platform == "linux"
TCP_INFO_BYTES = 200
ACKED_AT, DATA_SEGMENTS_IN_AT, DELIVERED_AT = 120, 152, 192
"""Offsets in `struct tcp_info`. Source: linux/tcp.h. Kernels before 4.18 return less."""


class TargetSide(SSHForwarder, asyncio.BufferedProtocol):
    """The target's end of a forwarded connection.

    It is read only while both its channel and the SSH connection have room.
    """

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self.traffic, self.channel_is_full = traffic, False
        self.buffer = memoryview(bytearray(CHUNK))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's own signature
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(self.buffer[:nbytes]))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.traffic.targets.add(self)
        self.apply()

    def connection_lost(self, exc: Exception | None) -> None:
        self.traffic.targets.discard(self)
        super().connection_lost(exc)

    def close(self) -> None:
        self.traffic.targets.discard(self)
        super().close()

    def pause_reading(self) -> None:
        self.channel_is_full = True
        self.apply()

    def resume_reading(self) -> None:
        self.channel_is_full = False
        self.apply()

    def apply(self) -> None:
        if self._transport is None:
            return
        if self.channel_is_full or self.traffic.is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def is_timer(handle: asyncio.Handle) -> bool:
    """Whether it runs later; what runs at the next turn of the loop must not be put off again."""
    return isinstance(handle, asyncio.TimerHandle)


class Traffic:
    """The counters and the flow control of one SSH connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.socket = cast(socket.socket | None, connection.get_extra_info("socket"))
        self.received_bytes = 0
        self.buffer_is_full = self.is_rekeying = False
        self.targets: set[TargetSide] = set()
        self.small: list[bytes] = []
        """Packets that leave together, as each segment costs a metered link 52 bytes more."""
        self.leaving: asyncio.Handle | None = None
        self.can_wait = False
        """Whether the packet that is being sent may wait for another one."""
        self.transport = cast(asyncio.WriteTransport, connection._transport)  # noqa: SLF001 - asyncssh 2.x has no public access to it
        self.transport.set_write_buffer_limits(high=UNSENT_BYTES)
        if self.socket is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # the system has the constant but not the option
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self.watch()

    @property
    def is_full(self) -> bool:
        """Whether the send queue is full."""
        return self.buffer_is_full or self.is_rekeying

    def watch(self) -> None:
        """Come between asyncssh and its transport: asyncssh 2.x ignores that its transport is full.

        Drop the empty packet that asyncssh sends before each packet. It protects only CBC ciphers,
        which we do not offer, and costs a third of the throughput and twice the packets of a beat.
        Source: SSHConnection.send_packet; RFC 4253, section 9.3.1. Stop reading during a rekey:
        asyncssh then queues without a bound.
        """
        connection, receive, send = (
            self.connection,
            self.connection.data_received,
            self.connection.send_packet,
        )

        def count(data: bytes, datatype: int | None = None) -> None:
            self.received_bytes += len(data)
            receive(data, datatype)

        def send_others(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
            if pkttype == MSG_IGNORE:
                return
            self.can_wait = pkttype in CAN_WAIT
            send(pkttype, *args, handler=handler)
            if pkttype in {MSG_KEXINIT, MSG_NEWKEYS}:
                self.set_state(rekeying=pkttype == MSG_KEXINIT)

        connection.data_received = count  # type: ignore[method-assign]
        connection._send = self.send  # type: ignore[method-assign]  # noqa: SLF001 - the only place where packets pass
        connection.send_packet = send_others  # type: ignore[method-assign]
        connection.pause_writing = lambda: self.set_state(full=True)  # type: ignore[method-assign]
        connection.resume_writing = lambda: self.set_state(full=False)  # type: ignore[method-assign]

    def send(self, data: bytes) -> None:
        """Send a packet: a small one with those that follow at once, or within a few
        milliseconds if nobody waits for it.
        """
        if self.connection._transport is None:  # noqa: SLF001 - as asyncssh does
            return
        loop = asyncio.get_running_loop()
        self.small.append(data)
        if len(data) >= SMALL_BYTES:
            self.flush()
        elif self.leaving is None and self.can_wait:
            self.leaving = loop.call_later(WAITS_S, self.flush)
        elif not self.can_wait and (self.leaving is None or is_timer(self.leaving)):
            # before what asyncssh calls soon: it aborts the transport after its last packet
            self.cancel_leaving()
            self.leaving = loop.call_soon(self.flush)

    def cancel_leaving(self) -> None:
        if self.leaving is not None:
            self.leaving.cancel()
            self.leaving = None

    def flush(self) -> None:
        """Write what was collected."""
        self.cancel_leaving()
        packets, self.small = self.small, []
        if packets:
            with contextlib.suppress(ConnectionError):  # the connection has ended
                self.transport.write(b"".join(packets))

    def set_state(self, *, full: bool | None = None, rekeying: bool | None = None) -> None:
        """Stop or resume reading the targets."""
        self.buffer_is_full = self.buffer_is_full if full is None else full
        self.is_rekeying = self.is_rekeying if rekeying is None else rekeying
        for target in tuple(self.targets):
            target.apply()

    async def forward(self, host: str, port: int) -> SSHForwarder:
        """Connect to a target; return the end that asyncssh forwards to. Raises OSError."""
        _, target = await asyncio.get_running_loop().create_connection(
            lambda: TargetSide(self), host, port
        )
        return SSHForwarder(target)

    def counters(self, connection: int) -> Moved:
        """Return the current counters."""
        acked, arrived, segments, queued = self.ask_kernel()
        return Moved(
            connection=connection,
            received=self.received_bytes + segments,
            arrived=arrived,
            acked=acked,
            queued=queued,
        )

    def ask_kernel(self) -> tuple[int | None, int, int, int]:
        """Return four counters: acked, arrived, data segments received, and queued.

        `acked`, `arrived` and `queued` are those of `Moved`. On error, or if the system does not
        count, return None and zeros.
        """
        if not IS_LINUX or self.socket is None or self.socket.fileno() < 0:
            return None, 0, 0, 0
        try:
            found = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
            unacked = struct.unpack(
                "i", fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, bytes(4))
            )[0]
        except OSError:
            return None, 0, 0, 0
        if len(found) < DELIVERED_AT + 4:
            return None, 0, 0, 0
        acked: int = struct.unpack_from("Q", found, ACKED_AT)[0]
        segments, delivered = (
            struct.unpack_from("I", found, at)[0] for at in (DATA_SEGMENTS_IN_AT, DELIVERED_AT)
        )
        unwritten = self.transport.get_write_buffer_size() + sum(map(len, self.small))
        return acked, acked + delivered, segments, unacked + unwritten
