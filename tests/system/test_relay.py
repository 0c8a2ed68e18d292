"""The tests' slow link: what it delays, how long, and in which order."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.system.relay import delay_of, relay


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def test_a_fixed_delay_never_changes() -> None:
    delay = delay_of("3", random.Random(1))

    assert [delay(at) for at in (0.0, 50.0, 100.0)] == [3.0, 3.0, 3.0]


def test_a_random_delay_affects_its_share_of_the_chunks() -> None:
    delay = delay_of("0.3:1-8", random.Random(1))

    drawn = [delay(0.0) for _ in range(1000)]

    held = [delay_s for delay_s in drawn if delay_s]
    assert 250 < len(held) < 350
    assert 1 <= min(held) < max(held) <= 8


def test_an_alternating_delay_takes_turns() -> None:
    delay = delay_of("60/0.02,2", random.Random(1))

    assert [delay(at) for at in (0.0, 59.0, 60.0, 119.0, 120.0)] == [0.02, 0.02, 2.0, 2.0, 0.02]


def test_each_direction_has_its_own_delay_and_keeps_the_order(target: socket.socket) -> None:
    with relay(target.getsockname()[1], "--up", "0.3", "--down", "0.1") as link:
        began = time.monotonic()
        with (
            closing(socket.create_connection(("127.0.0.1", link.port))) as device,
            closing(target.accept()[0]) as gateway,
        ):
            device.sendall(b"up")
            up, up_s = gateway.recv(10), time.monotonic() - began
            for number in range(5):
                gateway.sendall(b"%d" % number)
            gateway.shutdown(socket.SHUT_WR)
            down = b""
            while part := device.recv(10):
                down += part

    assert (up, down) == (b"up", b"01234")
    assert up_s >= 0.3
