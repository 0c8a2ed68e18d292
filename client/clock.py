"""Notice that the wall clock jumped, or that this process was suspended, between two events."""

from __future__ import annotations

from client.words import Moment

JUMP_S = 5.0
LATE_S = 30.0
QUIET_S = 60.0
"""Ignore further jumps for this long after one: a broken clock must not end the tunnel again and
again.
"""


def gap_s(before: Moment, now: Moment) -> float:
    """Return how much further the wall clock advanced than the monotonic clock."""
    return now.wall_s - before.wall_s - (now.monotonic_s - before.monotonic_s)


class Clock:
    """The moment of the last event, and when a jump last counted."""

    def __init__(self) -> None:
        self.now: Moment | None = None
        self.jumped_s = float("-inf")

    @property
    def now_s(self) -> float:
        """The monotonic time of the last event."""
        assert self.now is not None
        return self.now.monotonic_s

    def has_jumped(self, now: Moment) -> bool:
        """Return whether the wall clock has jumped since the last event."""
        return self.now is not None and abs(gap_s(self.now, now)) > JUMP_S

    def advance(self, now: Moment, due_s: float) -> str:
        """Advance to a new moment; return why the step to it is a jump, or an empty string.

        A step that ends long after due_s, when a wake-up was due, is a jump, too.
        """
        before, self.now = self.now, now
        if before is None or now.monotonic_s - self.jumped_s < QUIET_S:
            return ""
        jump_s = gap_s(before, now)
        late_s = now.monotonic_s - due_s
        if abs(jump_s) <= JUMP_S and late_s <= LATE_S:
            return ""
        self.jumped_s = now.monotonic_s
        return (
            f"the clock jumped by {jump_s:.0f} s"
            if abs(jump_s) > JUMP_S
            else f"the client was suspended for {late_s:.0f} s"
        )
