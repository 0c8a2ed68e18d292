"""Small packets leave together, in their order, and none is held back for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import asyncssh
from asyncssh.constants import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_OPEN_CONFIRMATION,
    MSG_IGNORE,
)

from client.traffic import SMALL_BYTES, Traffic


@dataclass(slots=True)
class Transport:
    """asyncio's transport, as far as it is used."""

    written: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def set_write_buffer_limits(self, high: int) -> None:
        """Accept any."""

    def get_write_buffer_size(self) -> int:
        return 0


class Connection:
    """asyncssh's connection without its protocol: what it sends has one byte and its payload."""

    def __init__(self) -> None:
        self._transport: Transport | None = Transport()
        self._send: Callable[[bytes], None] = lambda _: None
        self.sent = 0

    def get_extra_info(self, _name: str) -> None:
        return None

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Take no notice."""

    def send_packet(self, pkttype: int, *args: bytes, handler: object = None) -> None:
        self.sent += 1
        self._send(bytes([pkttype]) + b"".join(args))


def connected() -> tuple[Connection, Traffic, list[bytes]]:
    connection = Connection()
    transport = connection._transport
    assert transport is not None
    traffic = Traffic(cast(asyncssh.SSHClientConnection, connection))
    return connection, traffic, transport.written


async def until_written(written: list[bytes]) -> None:
    async with asyncio.timeout(100):
        while not written:  # noqa: ASYNC110 - the transport tells nobody
            await asyncio.sleep(0.001)


async def test_what_ends_a_channel_leaves_in_one_write() -> None:
    connection, _, written = connected()

    connection.send_packet(MSG_CHANNEL_EOF, b"1")
    connection.send_packet(MSG_CHANNEL_CLOSE, b"1")
    assert written == []
    await until_written(written)

    assert written == [bytes([MSG_CHANNEL_EOF]) + b"1" + bytes([MSG_CHANNEL_CLOSE]) + b"1"]


async def test_data_takes_along_what_waits_and_leaves_at_the_next_turn_of_the_loop() -> None:
    connection, _, written = connected()

    connection.send_packet(MSG_CHANNEL_OPEN_CONFIRMATION)
    connection.send_packet(MSG_IGNORE)
    connection.send_packet(MSG_CHANNEL_DATA, b"SSH-2.0")
    await asyncio.sleep(0)

    assert written == [bytes([MSG_CHANNEL_OPEN_CONFIRMATION, MSG_CHANNEL_DATA]) + b"SSH-2.0"]


async def test_bulk_is_not_held_back() -> None:
    connection, traffic, written = connected()

    connection.send_packet(MSG_CHANNEL_CLOSE)
    connection.send_packet(MSG_CHANNEL_DATA, bytes(SMALL_BYTES))

    assert [len(one) for one in written] == [SMALL_BYTES + 2]
    assert traffic.small == []


async def test_small_packets_at_each_turn_of_the_loop_do_not_hold_each_other_back() -> None:
    connection, _, written = connected()

    def send_more() -> None:
        if not written and connection.sent < 20:
            asyncio.get_running_loop().call_soon(send_more)
            connection.send_packet(MSG_CHANNEL_DATA, b"1")

    send_more()
    await until_written(written)

    assert connection.sent <= 2


async def test_nothing_is_written_to_a_connection_that_has_ended() -> None:
    connection, traffic, written = connected()
    connection._transport = None

    connection.send_packet(MSG_CHANNEL_DATA, b"1")
    traffic.flush()

    assert written == []
