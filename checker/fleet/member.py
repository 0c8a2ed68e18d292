"""What the agent does about one other gateway: hear it, ask it, and write its mirror."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from checker.fleet.bus import BusLost, NobodyAnswered
from checker.fleet.gaps import Heard, Then, has_begun_again, on_events, on_pulse, on_rows, pause_s
from checker.fleet.identity import Known
from checker.fleet.items import Items, Key, parse_items
from checker.fleet.mirror import Mirror, MirrorFull
from checker.fleet.opening import Forged, Opening
from checker.fleet.past import FIRST_EVENTS, Past, parse_past
from checker.fleet.pulses import parse_pulse
from checker.fleet.sayings import (
    PAST,
    ROWS,
    Question,
    Rows,
    ask_subject,
    parse_rows,
    question_body,
)
from checker.fleet.summing import Summing
from checker.model import CheckerError, InvalidValue
from checker.model.gateway_id import GatewayId
from checker.model.pulse import HeardPulse
from checker.state.errors import StateError
from checker.state.mirrors import Position

log = logging.getLogger(__name__)
MOST_WAITING = 256
"""Messages of one gateway: one that floods us stops nobody else."""
ANSWERED_WITHIN_S = 5.0
MOST_PAGES = 5000
COMPLAIN_EVERY_S = 600.0
FULL_PAUSE_S = 600.0
Message = tuple[str, str, bytes]
"""What it is about, its subject, its content."""


class Answered(Protocol):
    """What an answer says."""

    @property
    def nonce(self) -> str: ...


N = TypeVar("N", bound=Answered)
T = TypeVar("T")


class Asks(Protocol):
    """A connection, as far as a question needs it."""

    async def ask(
        self, subject: str, question: bytes, within_s: float, opens: Callable[[bytes], T | None]
    ) -> T: ...


@dataclass(kw_only=True)
class Whole:
    """A mirror that is filled from nothing, page by page."""

    epoch: str
    known: int
    keys: set[Key] = field(default_factory=set)


class Member:
    """One other gateway. `run` works until it is cancelled; the connection may change meanwhile."""

    def __init__(
        self, id_: GatewayId, identity: str, path: Path, bus: Callable[[], Asks | None]
    ) -> None:
        """Raises InvalidValue, StateError."""
        self.id, self.identity = id_, identity
        self.known = Known(identity)
        self.mirror = Mirror(path)
        self.heard: Heard = self.mirror.heard()
        self.bus = bus
        self.waiting: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        self.failures = 0
        self.ask_from = 0.0
        """On a clock that does not jump."""
        self.complained: dict[str, float] = {}
        self.summing = Summing(self.mirror, partial(self.answer, PAST))

    def hear(self, what: str, subject: str, content: bytes) -> None:
        """Take a message; drop it if too many wait: what is missed is asked for later."""
        if not self.waiting.full():
            self.waiting.put_nowait((what, subject, content))

    async def run(self) -> None:
        try:
            while True:
                await self.handle(*await self.waiting.get())
        finally:
            self.mirror.close()

    async def handle(self, what: str, subject: str, content: bytes) -> None:
        """Do what a message asks for; whatever is wrong with it stops nothing."""
        try:
            body = self.opened(subject, content)
            match what:
                case "pulse":
                    await self.on_pulse(body)
                case "rows":
                    await self.on_rows(body)
                case "events":
                    await self.on_events(body)
                case _:
                    pass  # of a later version
        except MirrorFull as error:
            self.ask_from = time.monotonic() + FULL_PAUSE_S
            self.complain(error)
        except Exception as error:  # noqa: BLE001 - a bug here must not end the agent for all gateways
            self.complain(error)

    def opened(self, subject: str, content: bytes) -> bytes:
        """Raises Forged, InvalidValue."""
        body = self.known.opened(subject, content)
        if body is None:
            raise Forged(self.id, subject)
        return body

    def complain(self, error: Exception) -> None:
        """Log a trouble, each kind once in a while."""
        kind, now = type(error).__name__, time.monotonic()
        if now - self.complained.get(kind, float("-inf")) < COMPLAIN_EVERY_S:
            return
        self.complained[kind] = now
        if isinstance(error, (CheckerError, StateError)):
            log.warning("gateway %s: %s", self.id, error)
        else:
            log.error(
                "gateway %s: a bug in reversi, a message was left out", self.id, exc_info=error
            )

    async def renew(self) -> None:
        """Begin again if somebody removed the mirror. Raises StateError."""
        if await asyncio.to_thread(self.mirror.renew):
            self.heard = self.mirror.heard()
            self.summing = Summing(self.mirror, partial(self.answer, PAST))

    async def on_pulse(self, body: bytes) -> None:
        pulse = parse_pulse(body)
        await self.renew()
        then = on_pulse(self.heard, pulse)
        if then in (Then.TAKE, Then.TAKE_AND_ASK):
            heard = HeardPulse(pulse=pulse, heard_at=time.time())
            await asyncio.to_thread(self.mirror.put_pulse, heard)
            self.heard = replace(self.heard, beat=pulse.beat)
            if has_begun_again(self.heard, pulse.last_event):
                await asyncio.to_thread(self.mirror.forget_events)
                self.heard = replace(self.heard, last_event=0)
            if pulse.last_event > self.heard.last_event:
                await self.if_may_ask(self.ask_past, pulse.last_event)
        if then in (Then.ASK, Then.TAKE_AND_ASK):
            await self.if_may_ask(self.catch_up)
        elif then is Then.TAKE:
            await self.summing.turn()

    async def on_rows(self, body: bytes) -> None:
        rows = parse_rows(body)
        match on_rows(self.heard, rows.epoch, rows.number):
            case Then.TAKE:
                position = Position(epoch=rows.epoch, number=rows.number)
                await self.put(parse_items(rows.items), position)
                self.heard = replace(self.heard, number=rows.number)
            case Then.ASK | Then.TAKE_AND_ASK:
                await self.if_may_ask(self.catch_up)
            case Then.DROP:
                pass

    async def on_events(self, body: bytes) -> None:
        past = parse_past(body)
        match on_events(self.heard, past.epoch, past.after, past.last):
            case Then.TAKE:
                await self.put_past(past)
            case Then.ASK | Then.TAKE_AND_ASK | Then.DROP:
                pass  # the next pulse says up to where there are events

    async def put(self, items: Items, position: Position | None) -> None:
        if items.refused:
            self.complain(InvalidValue(f"{items.refused} rows are not as we write them"))
        await asyncio.to_thread(self.mirror.put_items, items, position)

    async def put_past(self, past: Past) -> None:
        await asyncio.to_thread(self.mirror.put_events, past)
        self.heard = replace(self.heard, last_event=past.last)

    async def if_may_ask(self, asking: Callable[..., object], *given: int) -> None:
        """Ask, unless the last question was just now: a repeated message must not make us flood
        others.
        """
        if time.monotonic() < self.ask_from:
            return
        before = self.heard
        try:
            await asking(*given)  # type: ignore[misc]
            self.failures = 0
        except (NobodyAnswered, BusLost, InvalidValue) as error:
            self.failures += 1
            log.debug("gateway %s: %s", self.id, error)
        was_news = before != self.heard
        self.ask_from = time.monotonic() + pause_s(self.failures, was_news=was_news)

    async def answer(self, what: str, question: Question, parse: Callable[[bytes], N]) -> N:
        """Return what it says to this question, whatever others say to it. Raises NobodyAnswered,
        BusLost.
        """
        bus = self.bus()
        if bus is None:
            raise NobodyAnswered("there is no bus")
        subject, nonce = ask_subject(self.id, what), secrets.token_hex(12)

        def takes(body: bytes) -> N | None:
            found = parse(body)
            return found if found.nonce == nonce else None

        opening = Opening(
            self.known, subject, takes, lambda: self.complain(Forged(self.id, subject))
        )
        asked = question_body(replace(question, nonce=nonce))
        return await bus.ask(subject, asked, ANSWERED_WITHIN_S, opening)

    async def catch_up(self) -> None:
        """Ask for what it said since we heard it last, page by page. Raises NobodyAnswered,
        BusLost, CheckerError.
        """
        whole: Whole | None = None
        epoch, since = self.heard.epoch, self.heard.number
        for _ in range(MOST_PAGES):
            known = whole.known if whole else since
            rows = await self.page(epoch, since, known)
            if rows.is_whole:
                whole = Whole(epoch=rows.epoch, known=rows.number)
            elif rows.epoch != epoch or rows.upto < since:
                raise InvalidValue("its answer does not go on from the one before")
            epoch, since = rows.epoch, rows.upto
            await self.put_page(rows, whole)
            if not rows.has_more:
                beat = max(rows.beat, self.heard.beat if epoch == self.heard.epoch else 0)
                self.heard = replace(self.heard, epoch=epoch, number=since, beat=beat)
                return
        raise InvalidValue("its answers do not end")

    async def page(self, epoch: str, since: int, known: int) -> Rows:
        question = Question(epoch=epoch, since=since, known=known)
        return await self.answer(ROWS, question, parse_rows)

    async def put_page(self, rows: Rows, whole: Whole | None) -> None:
        """Write a page. Only the last one of a whole mirror makes it count."""
        items = parse_items(rows.items)
        at = Position(epoch=rows.epoch, number=rows.upto)
        await self.put(items, at if whole is None else None)
        if whole is not None:
            whole.keys |= items.keys
            if not rows.has_more:
                await asyncio.to_thread(self.mirror.keep_only, whole.keys, at)

    async def ask_past(self, newest: int) -> None:
        """Ask for events since the last that we have, but not for too many. Raises NobodyAnswered,
        BusLost, CheckerError.
        """
        since = max(self.heard.last_event, newest - FIRST_EVENTS)
        for _ in range(MOST_PAGES):
            question = Question(epoch=self.heard.epoch, since=since)
            past = await self.answer(PAST, question, parse_past)
            if past.after != since or past.last < since:
                raise InvalidValue("it answered another question")
            await self.put_past(past)
            since = past.last
            if not past.has_more:
                return
