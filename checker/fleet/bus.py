"""One connection to this machine's nats-server. Only this module imports nats-py.

It never reconnects by itself: a client that published while its server hung was seen never to
recover. The agent throws the whole object away and makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.fleet.sayings import ASK, MOST_PACKED, SAY
from checker.model import CheckerError
from checker.model.gateway_id import GatewayId

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

log = logging.getLogger(__name__)
CONNECTED_WITHIN_S = 4
SAID_WITHIN_S = 5.0
ENDED_WITHIN_S = 2.0
MOST_WAITING = 4096
"""Messages of one subscription."""
MOST_WAITING_BYTES = 32 << 20


class LibraryMissing(CheckerError):
    """The agent needs nats-py."""

    def __init__(self, python: str) -> None:
        super().__init__(
            "the agent of a fleet needs the Python package nats-py; run:"
            f" sudo {python} -m pip install nats-py"
        )


class BusLost(CheckerError):
    """The nats-server on this machine does not answer, or refuses us."""


class NobodyAnswered(CheckerError):
    """Nobody answered a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to get onto the bus."""

    port: int
    """On 127.0.0.1."""
    user: str
    password: str


Hears = Callable[[str, bytes], None]
"""Takes the subject and the content of a message."""
Answers = Callable[[str, bytes], Awaitable[bytes | None]]
"""Returns the answer to a question; None: there is none."""


class Bus:
    """An open connection."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def listen(self, hears: Hears) -> None:
        """Pass on what any gateway says. Raises BusLost."""

        async def take(message: Msg) -> None:
            hears(message.subject, message.data)

        await self.subscribe(f"{SAY}.>", take)

    async def answer(self, id_: GatewayId, answers: Answers) -> None:
        """Answer what this gateway is asked. Raises BusLost."""

        async def take(message: Msg) -> None:
            if message.reply and (found := await answers(message.subject, message.data)):
                with contextlib.suppress(BusLost):  # the watch over the connection notices
                    await self.say(message.reply, found)

        await self.subscribe(f"{ASK}.{id_}.*", take)

    async def subscribe(self, subject: str, take: Callable[[Msg], Awaitable[None]]) -> None:
        with lost_if_it_fails():
            await self.client.subscribe(
                subject,
                cb=take,
                pending_msgs_limit=MOST_WAITING,
                pending_bytes_limit=MOST_WAITING_BYTES,
            )

    async def say(self, subject: str, message: bytes) -> None:
        """Publish a message. Raises BusLost."""
        with lost_if_it_fails():
            async with asyncio.timeout(SAID_WITHIN_S):
                await self.client.publish(subject, message)

    async def ask(self, subject: str, question: bytes, within_s: float) -> bytes:
        """Return the first answer. Raises NobodyAnswered, BusLost."""
        from nats.errors import NoRespondersError
        from nats.errors import TimeoutError as Late

        try:
            with lost_if_it_fails():
                return (await self.client.request(subject, question, timeout=within_s)).data
        except BusLost as error:
            if isinstance(error.__cause__, (NoRespondersError, Late, TimeoutError)):
                raise NobodyAnswered(f"{subject}: nobody answered") from error
            raise

    async def prove(self) -> None:
        """Have the server answer. Raises BusLost."""
        with lost_if_it_fails():
            await self.client.flush(timeout=int(SAID_WITHIN_S))

    async def close(self) -> None:
        """End it, whatever happens."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ENDED_WITHIN_S):
                await self.client.close()


class lost_if_it_fails(contextlib.AbstractContextManager[None]):  # noqa: N801 - used as a function
    """Raise BusLost for what nats-py raises in the block."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from nats.errors import Error

        if isinstance(error, (Error, OSError, TimeoutError, asyncio.TimeoutError)):
            said = str(error) or type(error).__name__
            raise BusLost(f"the nats-server on this machine does not answer: {said}") from error


async def connect(login: Login, name: str) -> Bus:
    """Connect to this machine's nats-server. Raises LibraryMissing, BusLost."""
    try:
        from nats.aio.client import Client
    except ImportError as error:
        import sys

        raise LibraryMissing(sys.executable) from error

    client = Client()
    bus = Bus(client)
    try:
        with lost_if_it_fails():
            async with asyncio.timeout(2 * CONNECTED_WITHIN_S):
                await client.connect(
                    f"nats://127.0.0.1:{login.port}",
                    user=login.user,
                    password=login.password,
                    name=name,
                    allow_reconnect=False,
                    connect_timeout=CONNECTED_WITHIN_S,
                    error_cb=complain,
                    pending_size=4 * MOST_PACKED,
                )
    except BaseException:
        await bus.close()
        raise
    return bus


async def complain(error: Exception) -> None:
    """Called by nats-py for what went wrong elsewhere than in a call of ours."""
    log.debug("the bus: %s", str(error) or type(error).__name__)
