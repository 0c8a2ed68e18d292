"""Send a letter over the bus, and believe only the answer of the gateway that it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from checker.control.bringing import NoAnswer, NobodyThere
from checker.fleet.bus import BusLost, NobodyAnswered, NoResponders
from checker.fleet.identity import Known
from checker.fleet.opening import Forged, Opening
from checker.fleet.sayings import ACT, ask_subject
from checker.fleet.values import table_of
from checker.model import InvalidValue
from checker.model.gateway_id import GatewayId
from checker.model.letter import nonce_in

log = logging.getLogger(__name__)
ANSWERED_WITHIN_S = 65.0
"""The gateway's daemon has 60 s."""


class Asks(Protocol):
    """A connection, as far as a letter needs it."""

    async def ask(
        self, subject: str, question: bytes, within_s: float, opens: Callable[[bytes], bytes | None]
    ) -> bytes: ...


async def send(
    bus: Asks,
    id_: GatewayId,
    identity: str,
    content: bytes,
    within_s: float = ANSWERED_WITHIN_S,
) -> bytes:
    """Return the gateway's own answer; `identity` is on its card. Raises NobodyThere, NoAnswer."""
    subject = ask_subject(id_, ACT)
    try:
        known, nonce = Known(identity), nonce_in(content)
    except InvalidValue as error:
        raise NobodyThere(f"cannot be believed: {error}") from error

    def answered(body: bytes) -> bytes | None:
        return body if table_of(body).get("nonce", "") == nonce else None

    opening = Opening(known, subject, answered, lambda: log.warning("%s", Forged(id_, subject)))
    try:
        return await bus.ask(subject, content, within_s, opening)
    except NoResponders as error:
        raise NobodyThere from error
    except NobodyAnswered as error:
        if opening.forged:
            raise NoAnswer(
                "did not answer, and somebody on the bus answered in its place"
            ) from error
        raise NoAnswer from error
    except BusLost as error:
        raise NoAnswer("did not answer: this machine lost the bus meanwhile") from error
