"""Send a letter over the bus, and believe only the answer of the gateway that it is for."""

from __future__ import annotations

import logging
from typing import Protocol

from checker.control.bringing import NoAnswer, NobodyThere
from checker.fleet.bus import BusLost, NobodyAnswered, NoResponders, Opens
from checker.fleet.identity import Known
from checker.fleet.member import Forged
from checker.fleet.sayings import ACT, ask_subject
from checker.fleet.values import table_of
from checker.model import InvalidValue
from checker.model.gateway_id import GatewayId
from checker.model.letter import nonce_in

log = logging.getLogger(__name__)
ANSWERED_WITHIN_S = 65.0
"""The gateway's daemon has 60 s."""


class Consults(Protocol):
    """A connection, as far as a letter needs it."""

    async def consult(
        self, subject: str, question: bytes, within_s: float, opens: Opens
    ) -> bytes: ...


class Opening:
    """Opens answers with the key of a gateway, and leaves out what others say in its name."""

    def __init__(self, id_: GatewayId, identity: str, letter: bytes) -> None:
        """Raises InvalidValue."""
        self.known = Known(identity)
        self.id, self.subject, self.nonce = id_, ask_subject(id_, ACT), nonce_in(letter)
        self.forged = 0

    def __call__(self, answer: bytes) -> bytes | None:
        """Return the body; None: that gateway did not say this, or to another letter."""
        try:
            body = self.known.opened(self.subject, answer)
            if body is not None and table_of(body).get("nonce", "") != self.nonce:
                body = None
        except InvalidValue:
            body = None
        if body is None:
            self.forged += 1
            if self.forged == 1:
                log.warning("%s", Forged(self.id, self.subject))
        return body


async def send(
    bus: Consults,
    id_: GatewayId,
    identity: str,
    content: bytes,
    within_s: float = ANSWERED_WITHIN_S,
) -> bytes:
    """Return the gateway's own answer; `identity` is on its card. Raises NobodyThere, NoAnswer."""
    subject = ask_subject(id_, ACT)
    try:
        opening = Opening(id_, identity, content)
    except InvalidValue as error:
        raise NobodyThere(f"cannot be believed: {error}") from error
    try:
        return await bus.consult(subject, content, within_s, opening)
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
