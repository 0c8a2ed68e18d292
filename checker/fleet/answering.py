"""Answer what other gateways and operators ask this one; anybody on the bus may read."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from checker.fleet.allowance import Allowance
from checker.fleet.identity import Identity
from checker.fleet.looking import Looking
from checker.fleet.past import MOST_EVENTS, Past, past_body
from checker.fleet.sayings import (
    PAST,
    ROWS,
    Question,
    Rows,
    ask_subject,
    parse_question,
    rows_body,
)
from checker.fleet.sums import (
    MARKS,
    MOST_SUMS,
    Marks,
    Sums,
    first_told,
    marks_body,
    period_of,
    sums_body,
)
from checker.fleet.telling import MOST_BYTES, Teller
from checker.model import CheckerError, Event
from checker.model.gateway_id import GatewayId
from checker.model.sums import Period

log = logging.getLogger(__name__)
MOST_A_SECOND = 100.0
"""Answers: a flood of questions must not take our processor."""
MARKS_EVERY_S = 60.0
"""So often sums are added up, whoever asks."""


class Answering:
    """Answers in one connection, one question after the other."""

    def __init__(
        self,
        id_: GatewayId,
        identity: Identity,
        looking: Looking,
        teller: Callable[[], Teller],
        beat: Callable[[], int],
    ) -> None:
        self.id, self.identity, self.looking = id_, identity, looking
        self.teller, self.beat = teller, beat
        self.allowance = Allowance(MOST_A_SECOND)
        self.marks: Mapping[Period, str] = {}
        self.marked_at = float("-inf")

    async def answer(self, subject: str, content: bytes) -> bytes | None:
        """Return the answer; None: there is none."""
        if not self.allowance.take(time.monotonic()):
            return None
        try:
            question = parse_question(content)
            if subject == ask_subject(self.id, ROWS):
                body = self.rows(question)
            elif subject == ask_subject(self.id, PAST):
                tell = self.sums if question.about else self.past
                body = await asyncio.to_thread(tell, question)
            else:
                return None
            return self.identity.sealed(subject, body)
        except CheckerError as error:
            log.debug("a question was not answered: %s", error)
            return None

    def rows(self, question: Question) -> bytes:
        teller = self.teller()
        page = teller.page(question.epoch, question.since, question.known)
        rows = Rows(
            epoch=teller.epoch,
            number=teller.number,
            items=(),
            nonce=question.nonce,
            upto=page.upto,
            beat=self.beat(),
            is_whole=page.is_whole,
            has_more=page.has_more,
        )
        return rows_body(rows, page.items)

    def past(self, question: Question) -> bytes:
        """Raises StateError."""
        found = self.looking.past(question.since, MOST_EVENTS)
        kept = fitting(found)
        last = kept[-1].id if kept else question.since
        past = Past(
            epoch=self.teller().epoch,
            after=question.since,
            last=last,
            events=kept,
            nonce=question.nonce,
            has_more=len(kept) < len(found) or len(found) == MOST_EVENTS,
            beat=self.beat(),
        )
        return past_body(past)

    def sums(self, question: Question) -> bytes:
        """Raises InvalidValue, StateError."""
        nonce, now = question.nonce, time.monotonic()
        if question.about != MARKS:
            period = period_of(question.about)
            found = self.looking.sums(period, question.place, MOST_SUMS)
            has_more = len(found) == MOST_SUMS
            return sums_body(Sums(nonce=nonce, period=period, sums=found, has_more=has_more))
        if now - self.marked_at >= MARKS_EVERY_S:
            self.marks, self.marked_at = self.looking.marks(*first_told(time.time())), now
        return marks_body(Marks(nonce=nonce, marks=self.marks))


def fitting(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the first events, as many as fit into a message, and one at least."""
    kept: list[Event] = []
    size = 0
    for one in events:
        size += 6 * (len(one.text) + len(one.actor)) + 200  # as JSON, at worst
        if kept and size > 2 * MOST_BYTES:
            break
        kept.append(one)
    return tuple(kept)
