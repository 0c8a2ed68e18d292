"""Ask another gateway how long its forwards were up, and mirror that: only what changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from checker.fleet.bus import BusLost, NobodyAnswered
from checker.fleet.mirror import Mirror
from checker.fleet.sayings import Question
from checker.fleet.sums import (
    MOST_FORWARDS,
    Marks,
    Sums,
    about_marks,
    about_sums,
    parse_marks,
    parse_sums,
    wanted,
)
from checker.model import CheckerError, InvalidValue
from checker.model.sums import Period, Sum, is_hour

log = logging.getLogger(__name__)
HOURS_EVERY_S = 600.0
DAYS_EVERY_S = 3600.0
"""Today's sums change all the time; its hours say the same sooner."""
RETRY_EVERY_S = 60.0
LONGEST_TURN_S = 0.2
"""Rows of that gateway wait meanwhile."""
S = TypeVar("S", Marks, Sums)


class Answers(Protocol):
    """Returns what the gateway says to a question. Raises NobodyAnswered, BusLost."""

    async def __call__(self, question: Question, parse: Callable[[bytes], S]) -> S: ...


class Summing:
    """Mirrors the sums of one gateway, a few periods at a time."""

    def __init__(self, mirror: Mirror, answer: Answers) -> None:
        self.mirror, self.answer = mirror, answer
        self.marks: dict[Period, str] = {}
        """As the gateway said last."""
        self.waiting: deque[Period] = deque()
        """What changed, in the order in which it is asked for."""
        self.next_hours = self.next_days = float("-inf")
        """On a clock that does not jump."""

    async def turn(self) -> None:
        """Ask for what is due, for a moment at most. Raises CheckerError."""
        began = time.monotonic()
        try:
            if not self.waiting and began >= self.next_hours:
                await self.ask_marks(began)
            while self.waiting and time.monotonic() - began < LONGEST_TURN_S:
                await self.ask_sums(self.waiting[0])
                self.waiting.popleft()
        except (NobodyAnswered, BusLost) as error:
            self.give_up()
            log.debug("how long forwards were up: %s", error)
        except CheckerError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Begin again, but not at once."""
        self.waiting.clear()
        self.next_hours = time.monotonic() + RETRY_EVERY_S

    async def ask_marks(self, now: float) -> None:
        found = await self.answer(about_marks(), parse_marks)
        self.marks = dict(found.marks)
        mine = await asyncio.to_thread(self.mirror.summed)
        periods = wanted(self.marks, mine, time.time())
        if now < self.next_days:
            periods = [one for one in periods if is_hour(one)]
        else:
            self.next_days = now + DAYS_EVERY_S
        self.next_hours = now + HOURS_EVERY_S
        self.waiting.extend(periods)

    async def ask_sums(self, period: Period) -> None:
        sums: list[Sum] = []
        after = ("", 0)
        has_more = True
        while has_more:
            page = await self.answer(about_sums(period, after), parse_sums)
            if page.period != period:
                raise InvalidValue("it answered another question")
            has_more = page.has_more and bool(page.sums)
            sums += page.sums
            if len(sums) > MOST_FORWARDS:
                raise InvalidValue(f"a period has at most {MOST_FORWARDS} sums")
            after = page.sums[-1][:2] if page.sums else after
        await asyncio.to_thread(self.mirror.put_sums, period, self.marks[period], sums)
