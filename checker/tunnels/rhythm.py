"""When the next beat of a connection is overdue, by its last beats. Pure.

An overdue beat is only a suspicion: it makes the gateway probe at once, and ends nothing by itself.
All times are Unix seconds, as the files of the beat loops have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import median

INTERVALS_KEPT = 5
FEWEST_BEATS = 3
"""Before the third beat nobody knows how far apart they are."""
LATE_PART = 0.1
LATE_S = 2.0
STEADY_S = 1.0
"""A beat that is later than this, and a tenth, was delayed by its link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The last beats of one connection."""

    last_at: float
    intervals_s: tuple[float, ...] = ()
    """Between the last beats, the newest last."""
    steady: int = 0
    """Beats in a row that came in time."""

    @property
    def overdue_at(self) -> float:
        """When the next beat is overdue, compared with the longest of the last intervals; never if
        there were too few beats.
        """
        if len(self.intervals_s) < FEWEST_BEATS - 1:
            return inf
        return self.last_at + (1 + LATE_PART) * max(self.intervals_s) + LATE_S

    def is_beating(self, now: float) -> bool:
        """Whether its beats arrive as they usually do; False before the third."""
        return len(self.intervals_s) >= FEWEST_BEATS - 1 and now < self.overdue_at


def after_beat(rhythm: Rhythm | None, at: float) -> Rhythm:
    """Return the rhythm with a beat that came then. Start again if the clock was set back."""
    if rhythm is None or at < rhythm.last_at:
        return Rhythm(last_at=at)
    if at == rhythm.last_at:
        return rhythm
    interval_s, before_s = at - rhythm.last_at, rhythm.intervals_s
    in_time = before_s and interval_s <= (1 + LATE_PART) * median(before_s) + STEADY_S
    return Rhythm(
        last_at=at,
        intervals_s=(*before_s, interval_s)[-INTERVALS_KEPT:],
        steady=rhythm.steady + 1 if in_time else 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beating:
    """How a connection beats, at one moment."""

    overdue_s: float = -inf
    """For how long its next beat has been overdue; negative: it is not; minus infinity: it has no
    rhythm.
    """
    steady: int = 0
    """As in `Rhythm`."""


NO_BEATS = Beating()
