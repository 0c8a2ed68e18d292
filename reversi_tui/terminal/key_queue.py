"""Delivers keys one at a time: each one takes full effect before the next, however fast they come.

Over a poor link several keys arrive at once, and Textual sends them all to what has the focus at
that time: what was typed after `/` would be commands.
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
"""If a key takes longer, the next one is delivered all the same."""
ROUNDS = 4
"""A key may cause messages, and those cause others: how often to wait until all queues are empty.
"""

KeyOrPaste = events.Key | events.Paste


class KeyQueue:
    """`deliver` gives a key to the app. A key that was typed before a question (a screen of type
    `asks`) opened does not answer it.
    """

    def __init__(
        self,
        app: App[Any],
        deliver: Callable[[KeyOrPaste], Awaitable[None]],
        asks: type[Screen[Any]],
    ) -> None:
        self.app, self.deliver, self.asks = app, deliver, asks
        self.waiting: asyncio.Queue[tuple[KeyOrPaste, Screen[Any]]] = asyncio.Queue()

    def take(self, typed: KeyOrPaste) -> None:
        """Queue what was typed."""
        self.waiting.put_nowait((typed, self.app.screen))

    async def run(self) -> None:
        """Deliver keys until cancelled."""
        while True:
            typed, seen = await self.waiting.get()
            if self.app.screen is seen or not isinstance(self.app.screen, self.asks):
                await self.deliver(typed)
                await self.settled()

    async def settled(self) -> None:
        """Wait until the last key took effect, including focus and screen changes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                for _ in range(ROUNDS):
                    for pump in (self.app.focused or self.app.screen).ancestors_with_self:
                        await emptied(pump)


async def emptied(pump: MessagePump) -> None:
    """Wait until it has handled all messages sent to it so far."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        await done.wait()
