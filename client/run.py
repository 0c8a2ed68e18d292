"""`reversi-client run`: feed events to the machine, and carry out its actions."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time

from client import words
from client.config import Config
from client.link import Link
from client.login import Dialer, login_options
from client.machine import Machine
from client.notify import Notifier
from client.status import StatusFile
from client.targets import Targets

log = logging.getLogger(__name__)
CLOCK_EVERY_S = 2.0
"""How often to compare the clocks, to notice at once that the machine woke from sleep."""


def moment() -> words.Moment:
    return words.Moment(monotonic_s=time.monotonic(), wall_s=time.time())


class Runner:
    """One client in the foreground, until a signal ends it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.machine = Machine(config, random.uniform)
        self.events: asyncio.Queue[words.Event] = asyncio.Queue()
        self.status = StatusFile(config, self.say)
        self.notifier = Notifier(os.environ, os.getpid())
        self.signal: signal.Signals | None = None

    def say(self, text: str) -> None:
        log.info("%s: %s", self.config.tunnel, text)

    async def run(self) -> signal.Signals | None:
        """Run until a signal, and return that signal. Raises ConfigError."""
        dialer = Dialer(login_options(self.config))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop, number)
        await asyncio.to_thread(self.status.start, self.machine.view(), time.time())
        link = Link(
            self.config, dialer, self.status.instance, Targets(self.say), self.events.put_nowait
        )
        async with asyncio.TaskGroup() as group:
            event: words.Event = words.Tick()
            while True:
                for happened in self.with_counters(event, link):
                    for action in self.machine.handle(happened, moment()):
                        self.carry_out(action, link, group)
                await self.show()
                if self.machine.view().state is words.State.STOPPED:
                    break
                event = await self.next_event()
        return self.signal

    @staticmethod
    def with_counters(event: words.Event, link: Link) -> tuple[words.Event, ...]:
        """Put the connection's counters before the event."""
        moved = link.counters()
        return (event,) if moved is None else (moved, event)

    def stop(self, number: signal.Signals) -> None:
        self.signal = number
        self.events.put_nowait(words.Stop())

    def carry_out(self, action: words.Action, link: Link, group: asyncio.TaskGroup) -> None:
        match action:
            case words.Say(text=text):
                self.say(text)
            case words.Connect():
                link.connect(action, group)
            case words.Drop(abort=abort):
                link.drop(abort=abort)
            case _:
                link.order(action)

    async def show(self) -> None:
        view = self.machine.view()
        self.notifier.show(view)
        self.notifier.sign_of_life()
        await asyncio.to_thread(self.status.update, view, time.time())

    async def next_event(self) -> words.Event:
        """Wait for an event of the link or a signal.

        Return a Tick if the machine or the watchdog is due first, or if the clock jumps.
        """
        due_s = self.machine.due_s
        if self.notifier.watchdog_s is not None:
            due_s = min(due_s, time.monotonic() + self.notifier.watchdog_s)
        while True:
            left_s = max(0.0, due_s - time.monotonic())
            try:
                async with asyncio.timeout(min(left_s, CLOCK_EVERY_S)):
                    return await self.events.get()
            except TimeoutError:
                if left_s <= CLOCK_EVERY_S or self.machine.clock.has_jumped(moment()):
                    return words.Tick()
