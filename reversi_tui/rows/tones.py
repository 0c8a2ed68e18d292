"""How loud a row is: up ones are quiet, so that faults stand out. Pure."""

from __future__ import annotations

from enum import Enum, auto

from checker.rows.row import STALE, Moment, Row


class Tone(Enum):
    """How a row is painted, unless the cursor is on it."""

    QUIET = auto()
    """It needs no attention: up, or out on purpose."""
    FAULT = auto()
    STALE = auto()
    """Nothing in it can be relied on."""


def tone_of(row: Row, moment: Moment) -> Tone:
    if moment.word(row) == STALE:
        return Tone.STALE
    return Tone.FAULT if moment.is_fault(row) else Tone.QUIET
