"""The order in which addresses are tried, and which of them wins."""

from __future__ import annotations

import asyncio
import socket

import pytest

from client.addresses import Memory, race


def test_the_address_that_worked_last_comes_first_and_the_one_that_failed_last() -> None:
    memory = Memory()
    assert memory.order(["a", "b", "c"]) == ["a", "b", "c"]

    memory.failed("a")
    memory.worked("c")
    assert memory.order(["a", "b", "c"]) == ["c", "b", "a"]

    memory.failed("c")
    memory.worked("b")
    assert memory.order(["a", "b", "c"]) == ["b", "a", "c"]


async def test_the_first_address_that_answers_wins_and_a_failure_starts_the_next_at_once() -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]

        async with asyncio.timeout(100):
            number, channel = await race(["127.0.0.1", "127.0.0.2", "127.0.0.3"], port, 60.0)

        with channel:
            assert (number, channel.getpeername()) == ("127.0.0.2", ("127.0.0.2", port))


async def test_a_silent_address_gets_only_a_head_start() -> None:
    """A connection to a listener with a full queue gets no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        with (
            socket.create_server(("127.0.0.2", port)),
            socket.create_connection(("127.0.0.1", port)),
        ):
            async with asyncio.timeout(100):
                number, channel = await race(["127.0.0.1", "127.0.0.2"], port, 0.1)
            channel.close()

    assert number == "127.0.0.2"


async def test_if_no_address_answers_the_last_failure_is_raised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionRefusedError):
        await race(["127.0.0.1", "127.0.0.2"], port, 0.1)
