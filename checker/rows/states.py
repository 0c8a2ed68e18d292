"""The words behind `is:` in a filter. Pure."""

from __future__ import annotations

from collections.abc import Callable

from checker.model import Status
from checker.rows.row import STALE, Moment, Row


def says(word: str) -> Callable[[Row, Moment], bool]:
    return lambda row, moment: moment.word(row) == word


def barred(word: str) -> Callable[[Row, Moment], bool]:
    return lambda row, _: row.barred == word


STATES: dict[str, Callable[[Row, Moment], bool]] = {
    "fault": lambda row, moment: moment.is_fault(row),
    STALE: says(STALE),
    **{status.value: says(status.value) for status in Status},
    "disabled": barred("disabled"),
    "expired": barred("expired"),
    "unregistered": lambda row, _: row.unregistered,
    "pending": barred("pending"),
    "muted": lambda row, _: row.mute is not None,
}
TIMED = frozenset({"fault", STALE, *(status.value for status in Status)})
"""Those that come and go as time passes."""


def states_called(word: str) -> tuple[str, ...]:
    """The states that a word, or the beginning of one, may mean."""
    if word in STATES:
        return (word,)
    return tuple(state for state in STATES if word and state.startswith(word))
