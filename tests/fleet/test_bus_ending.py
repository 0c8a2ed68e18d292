"""Whatever uses the bus ends when it is cancelled, although nats-py may drop that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker.fleet.bus import Bus, Login, connect
from tests.fleet.buses import WITHIN_S, program
from tests.programs import require
from tests.system.ports import accepts, free_port
from tests.system.waiting import until


@pytest.fixture
def port(tmp_path: Path, sbin: None) -> Iterator[int]:
    """Where a nats-server listens that lets in everybody."""
    require("nats-server")
    found = free_port()
    words = ["nats-server", "-a", "127.0.0.1", "-p", str(found)]
    with program(words, tmp_path, tmp_path / "nats.log"):
        until(lambda: accepts(found), "it listens")
        yield found


async def settled(task: asyncio.Task[Any]) -> bool:
    """Wait until it ended; return whether it was cancelled."""
    async with asyncio.timeout(WITHIN_S):
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await task
    return task.cancelled()


def waits_for_an_answer(bus: Bus) -> bool:
    return any(one._pending_next_msgs_calls for one in list(bus.client._subs.values()))


async def test_a_question_ends_although_its_connection_is_closed_at_the_same_time(
    port: int,
) -> None:
    bus = await connect(Login(port=port, user="", password=""), "asks")
    asked = asyncio.Event()

    async def hear(_: object) -> None:
        asked.set()

    await bus.subscribe("question", hear)
    asking = asyncio.create_task(bus.ask("question", b"", WITHIN_S, lambda body: body))
    async with asyncio.timeout(WITHIN_S):
        await asked.wait()
        await asyncio.to_thread(until, lambda: waits_for_an_answer(bus), "it waits for the answer")

    closing = asyncio.create_task(bus.close())
    asking.cancel()

    assert await settled(asking)
    await closing


class Swallows:
    """A client that drops a cancellation, as nats-py does while it waits to write."""

    async def publish(self, subject: str, message: bytes) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(WITHIN_S)


async def test_who_says_something_ends_although_the_library_drops_that() -> None:
    bus = Bus(Swallows())  # type: ignore[arg-type]
    went_on = False

    async def say() -> None:
        nonlocal went_on
        await bus.say("subject", b"")
        went_on = True

    saying = asyncio.create_task(say())
    await asyncio.sleep(0)

    saying.cancel()

    assert await settled(saying)
    assert not went_on
