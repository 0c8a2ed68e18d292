"""Open answers with the key of the gateway that was asked: whoever is on the bus may answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from checker.fleet.identity import Known
from checker.model import CheckerError, InvalidValue
from checker.model.gateway_id import GatewayId

T = TypeVar("T")


class Forged(CheckerError):
    """The gateway that is named did not say this."""

    def __init__(self, id_: GatewayId, subject: str) -> None:
        super().__init__(
            f"somebody on the bus speaks for gateway {id_} without its key; {subject} was left out"
        )


class Opening(Generic[T]):
    """Opens the answers to one question, and leaves out what others say in the gateway's name."""

    def __init__(
        self,
        known: Known,
        subject: str,
        takes: Callable[[bytes], T | None],
        warns: Callable[[], None],
    ) -> None:
        """`takes` returns what a body says; None: it answers another question; it may raise
        InvalidValue. `warns` is called once, if others answer.
        """
        self.known, self.subject, self.takes, self.warns = known, subject, takes, warns
        self.forged = 0

    def __call__(self, answer: bytes) -> T | None:
        """Return what an answer says; None: that gateway did not say this, or not to us."""
        try:
            body = self.known.opened(self.subject, answer)
            found = None if body is None else self.takes(body)
        except InvalidValue:
            found = None
        if found is None:
            self.forged += 1
            if self.forged == 1:
                self.warns()
        return found
