"""Keys in turn: one is worked in whole before the next is looked at, however fast they come.

Over a poor link several come at once, and Textual sends each to what has the focus then: what was
typed behind `/` would be commands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen

PATIENCE_S = 3.0
"""Something that takes longer holds the next key up no more."""
ROUNDS = 4
"""A key may be told of by messages, and those by others: so often do we wait until all queues were
gone through.
"""

Typed = events.Key | events.Paste


class Turns:
    """`deliver` hands a key to the app. One that was typed before `asks` (a screen that asks
    something) stood there is no answer to it.
    """

    def __init__(
        self, app: App[Any], deliver: Callable[[Typed], Awaitable[None]], asks: type[Screen[Any]]
    ) -> None:
        self.app, self.deliver, self.asks = app, deliver, asks
        self.waiting: asyncio.Queue[tuple[Typed, Screen[Any]]] = asyncio.Queue()

    def take(self, typed: Typed) -> None:
        """It was typed: its turn comes."""
        self.waiting.put_nowait((typed, self.app.screen))

    async def run(self) -> None:
        """Hand them on until cancelled."""
        while True:
            typed, seen = await self.waiting.get()
            if self.app.screen is seen or not isinstance(self.app.screen, self.asks):
                await self.deliver(typed)
                await self.worked_in()

    async def worked_in(self) -> None:
        """Until what the last key led to has happened, the focus and a new screen among it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(ROUNDS):
                    for pump in (self.app.focused or self.app.screen).ancestors_with_self:
                        await passed(pump)


async def passed(pump: MessagePump) -> None:
    """Until it worked off all that it has been sent by now."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        await done.wait()
