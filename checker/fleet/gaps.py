"""What to do with what another gateway says: believe it, drop it as a repeat, or ask. Pure.

Whoever is on the bus can record a message and send it again. So a message counts only if it goes on
from the one before, in the epoch that the gateway itself named in an answer to a question of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from checker.model.pulse import Pulse

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
SAME_AGAIN_S = 10.0
"""After an answer that brought nothing new: somebody repeats old messages, or one is under way."""


class Then(Enum):
    """What becomes of a message."""

    TAKE = "take"
    DROP = "drop"
    ASK = "ask"
    """Leave it out, and ask that gateway."""
    TAKE_AND_ASK = "take and ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Up to where a gateway was heard."""

    epoch: str = ""
    """As its last answer to us said; empty: it never answered."""
    number: int = 0
    """Of the last change that is in the mirror."""
    beat: int = 0
    """Of its last pulse, or as of its last answer."""
    last_event: int = 0
    """The id of its newest event in the mirror."""


def on_pulse(heard: Heard, pulse: Pulse) -> Then:
    if pulse.epoch != heard.epoch:
        return Then.ASK
    if pulse.beat <= heard.beat:
        return Then.DROP
    return Then.TAKE_AND_ASK if pulse.number > heard.number else Then.TAKE


def on_rows(heard: Heard, epoch: str, number: int) -> Then:
    """`number`: of the message; each has the next one."""
    if epoch != heard.epoch or number > heard.number + 1:
        return Then.ASK
    return Then.TAKE if number == heard.number + 1 else Then.DROP


def on_events(heard: Heard, epoch: str, after: int, last: int) -> Then:
    """`after`: the id before the first event of the message; `last`: that of the last one."""
    if epoch != heard.epoch or after > heard.last_event:
        return Then.ASK
    return Then.TAKE if last > heard.last_event else Then.DROP


def has_begun_again(heard: Heard, last_event: int) -> bool:
    """Whether a gateway's log is another one than that in the mirror: its state file was lost."""
    return last_event < heard.last_event


def pause_s(failures: int, *, was_news: bool) -> float:
    """Return how long to wait after a question. `failures`: questions in a row without an answer;
    `was_news`: whether the last answer brought something.
    """
    if failures:
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))
    return 0.0 if was_news else SAME_AGAIN_S
