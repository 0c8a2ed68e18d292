"""What moves on one SSH connection: its counters, and no more data to send than the link takes.

asyncssh takes from the targets whatever the gateway's windows allow, megabytes, before it is sent.
A beat would wait behind that. So the targets are read only while little waits in the process, and
the kernel is asked to hold little that it has not sent.
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
from asyncssh.constants import MSG_IGNORE, MSG_KEXINIT, MSG_NEWKEYS
from asyncssh.forward import SSHForwarder
from asyncssh.packet import SSHPacketLogger

from client.words import Moved

UNSENT_BYTES = 1 << 16
"""In the process, and again in the kernel."""
CHUNK = 1 << 16
IS_LINUX = sys.platform == "linux"
TCP_INFO_BYTES = 200
ACKED_AT, DATA_SEGMENTS_IN_AT, DELIVERED_AT = 120, 152, 192
"""Offsets in `struct tcp_info`. Source: linux/tcp.h; a kernel before 4.18 returns less of it."""


class TargetSide(SSHForwarder, asyncio.BufferedProtocol):
    """The end of a forwarded connection that leads to the target: read while both its channel and
    the connection have room.
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


class Traffic:
    """One connection's, from its beginning."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.socket = cast(socket.socket | None, connection.get_extra_info("socket"))
        self.received_bytes = 0
        self.buffer_is_full = self.is_rekeying = False
        self.targets: set[TargetSide] = set()
        self.transport = cast(asyncio.WriteTransport, connection._transport)  # noqa: SLF001 - asyncssh 2.x gives it out nowhere
        self.transport.set_write_buffer_limits(high=UNSENT_BYTES)
        if self.socket is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            with contextlib.suppress(OSError):  # a system that knows the word and not the option
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self.watch()

    @property
    def is_full(self) -> bool:
        """Whether enough waits to be sent."""
        return self.buffer_is_full or self.is_rekeying

    def watch(self) -> None:
        """Come between asyncssh and its transport. Source: asyncssh 2.x, whose SSHConnection does
        nothing when its transport is full.

        The empty packet that it sends before each other one is left out. It guards against what CBC
        ciphers give away, of which none is among ours; it costs a third of the throughput, and
        twice the packets of a beat. Source: SSHConnection.send_packet; RFC 4253, 9.3.1. While new
        keys are agreed on, asyncssh collects what there is to send without a bound.
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
            send(pkttype, *args, handler=handler)
            if pkttype in {MSG_KEXINIT, MSG_NEWKEYS}:
                self.shut(rekeying=pkttype == MSG_KEXINIT)

        connection.data_received = count  # type: ignore[method-assign]
        connection.send_packet = send_others  # type: ignore[method-assign]
        connection.pause_writing = lambda: self.shut(full=True)  # type: ignore[method-assign]
        connection.resume_writing = lambda: self.shut(full=False)  # type: ignore[method-assign]

    def shut(self, *, full: bool | None = None, rekeying: bool | None = None) -> None:
        """Stop or go on reading the targets."""
        self.buffer_is_full = self.buffer_is_full if full is None else full
        self.is_rekeying = self.is_rekeying if rekeying is None else rekeying
        for target in tuple(self.targets):
            target.apply()

    async def forward(self, host: str, port: int) -> SSHForwarder:
        """A forwarded connection's way to its target. Raises OSError."""
        _, target = await asyncio.get_running_loop().create_connection(
            lambda: TargetSide(self), host, port
        )
        return SSHForwarder(target)

    def look(self, connection: int) -> Moved:
        """The counters of now."""
        acked, arrived, segments, queued = self.ask_kernel()
        return Moved(
            connection=connection,
            received=self.received_bytes + segments,
            arrived=arrived,
            acked=acked,
            queued=queued,
        )

    def ask_kernel(self) -> tuple[int | None, int, int, int]:
        """Bytes acknowledged, the same and segments delivered, data segments received, bytes queued
        here and in the kernel.
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
        return acked, acked + delivered, segments, unacked + self.transport.get_write_buffer_size()
