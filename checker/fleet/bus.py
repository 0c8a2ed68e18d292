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
from typing import TYPE_CHECKING, TypeVar

from checker.fleet.sayings import MOST_PACKED, SAY
from checker.model import CheckerError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

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


class NoResponders(NobodyAnswered):
    """Nobody on the bus takes such questions, so this one reached nobody."""


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
T = TypeVar("T")
NO_RESPONDERS = "503"
"""Source: docs.nats.io, request-reply, `no_responders`."""
MOST_ANSWERS = 64
LIE_SHOWN_WITHIN_S = 0.3
"""A stolen member may say in the place of our server that nobody is there."""


class Bus:
    """An open connection."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.tasks: set[asyncio.Task[None]] = set()

    async def listen(self, hears: Hears) -> None:
        """Pass on what any gateway says. Raises BusLost."""

        async def take(message: Msg) -> None:
            hears(message.subject, message.data)

        await self.subscribe(f"{SAY}.>", take)

    async def answer(self, subject: str, answers: Answers) -> None:
        """Answer questions, one after the other. Raises BusLost."""

        async def take(message: Msg) -> None:
            await self.reply(message, answers)

        await self.subscribe(subject, take)

    async def answer_each(self, subject: str, answers: Answers) -> None:
        """Answer each question beside the others; `answers` bounds how many. Raises BusLost."""

        async def take(message: Msg) -> None:
            task = asyncio.create_task(self.reply(message, answers), name=message.subject)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        await self.subscribe(subject, take)

    async def reply(self, message: Msg, answers: Answers) -> None:
        if message.reply and (found := await answers(message.subject, message.data)):
            with contextlib.suppress(BusLost):  # the watch over the connection notices
                await self.say(message.reply, found)

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

    async def ask(
        self, subject: str, question: bytes, within_s: float, opens: Callable[[bytes], T | None]
    ) -> T:
        """Return what `opens` finds in the first answer that counts; it returns None for others. A
        stolen member may answer, too, and sooner. Raises NoResponders, NobodyAnswered, BusLost.
        """
        with lost_if_it_fails():
            inbox = self.client.new_inbox()
            answers = await self.client.subscribe(
                inbox,
                pending_msgs_limit=MOST_ANSWERS,
                pending_bytes_limit=MOST_ANSWERS * 2 * MOST_PACKED,
            )
            try:
                await self.client.publish(subject, question, reply=inbox)
                for _ in range(3):  # until it is written: nats-py writes a ping before what waits
                    await asyncio.sleep(0)
                await self.client.flush(timeout=int(SAID_WITHIN_S))
                # Our own server says so before it answers the ping; what comes later is a lie.
                message = await answers.next_msg() if answers.pending_msgs else None
                if message is None or not has_no_responders(message):
                    early = None if message is None else opens(message.data)
                    return await first(answers, within_s, opens) if early is None else early
                try:
                    return await first(answers, LIE_SHOWN_WITHIN_S, opens)
                except NobodyAnswered as error:
                    raise NoResponders(f"{subject}: nobody is there") from error
            finally:
                with contextlib.suppress(Exception):
                    await answers.unsubscribe()

    async def prove(self) -> None:
        """Have the server answer. Raises BusLost."""
        with lost_if_it_fails():
            await self.client.flush(timeout=int(SAID_WITHIN_S))

    async def close(self) -> None:
        """End it, whatever happens."""
        for task in self.tasks:
            task.cancel()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ENDED_WITHIN_S):
                await self.client.close()


async def first(answers: Subscription, within_s: float, opens: Callable[[bytes], T | None]) -> T:
    """Return what is in the first answer that counts. Raises NobodyAnswered."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await answers.next_msg(timeout=None)
                found = None if has_no_responders(message) else opens(message.data)
                if found is not None:
                    return found
    except TimeoutError as error:
        raise NobodyAnswered("no answer that counts") from error


def has_no_responders(message: Msg) -> bool:
    """Whether a server says that nobody takes such questions."""
    headers = message.headers or {}
    return not message.data and headers.get("Status") == NO_RESPONDERS


class lost_if_it_fails(contextlib.AbstractContextManager[None]):  # noqa: N801 - used as a function
    """Raise BusLost for what nats-py raises in the block; CancelledError if the task is cancelled.

    nats-py turns that into an error of its own if its connection is closed, or drops it: an agent
    that should end would go on.
    """

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from nats.errors import Error

        is_lost = isinstance(error, (Error, OSError, TimeoutError, asyncio.TimeoutError))
        if (error is None or is_lost) and is_cancelled():
            raise asyncio.CancelledError from error
        if is_lost:
            said = str(error) or type(error).__name__
            raise BusLost(f"the nats-server on this machine does not answer: {said}") from error


def is_cancelled() -> bool:
    """Return whether somebody wants the present task to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
