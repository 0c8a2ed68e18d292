"""What brings a letter to another gateway, and what may go wrong on the way."""

from __future__ import annotations

from collections.abc import Callable

from checker.model import CheckerError
from checker.model.gateway_id import GatewayId

MOST_ANSWER = 1 << 18
"""Bytes."""


class NobodyThere(CheckerError):
    """The letter did not leave, or nobody is there to take it."""

    def __init__(self, clause: str = "cannot be reached") -> None:
        super().__init__(clause)


class NoAnswer(CheckerError):
    """The letter was sent, and we do not hear what came of it."""

    def __init__(self, clause: str = "did not answer in time") -> None:
        super().__init__(clause)


Via = Callable[[GatewayId, bytes], bytes]
"""Brings a letter to a gateway, and returns its answer. Raises NobodyThere, NoAnswer."""
