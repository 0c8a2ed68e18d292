"""Whether the time between two events was lived through, or slept."""

from __future__ import annotations

from client.words import Moment

JUMP_S = 5.0
LATE_S = 30.0
QUIET_S = 60.0
"""After a jump, others are not heeded for so long: a clock that is broken must not end the tunnel
over and over.
"""


def gap_s(before: Moment, now: Moment) -> float:
    """How much further the wall clock went than time did."""
    return now.wall_s - before.wall_s - (now.monotonic_s - before.monotonic_s)


class Clock:
    """The last moment seen, and the jump that led to it."""

    def __init__(self) -> None:
        self.now: Moment | None = None
        self.heeded_s = float("-inf")

    @property
    def now_s(self) -> float:
        """Monotonic seconds, as of the last event."""
        assert self.now is not None
        return self.now.monotonic_s

    def has_jumped(self, now: Moment) -> bool:
        """Whether the wall clock went another way than time did, since the last event."""
        return self.now is not None and abs(gap_s(self.now, now)) > JUMP_S

    def advance(self, now: Moment, due_s: float) -> str:
        """Why the step to now counts as a jump, where a wake-up was due at due_s; empty where it
        does not.
        """
        before, self.now = self.now, now
        if before is None or now.monotonic_s - self.heeded_s < QUIET_S:
            return ""
        jump_s = gap_s(before, now)
        late_s = now.monotonic_s - due_s
        if abs(jump_s) <= JUMP_S and late_s <= LATE_S:
            return ""
        self.heeded_s = now.monotonic_s
        return (
            f"the clock jumped by {jump_s:.0f} s"
            if abs(jump_s) > JUMP_S
            else f"the client stood still for {late_s:.0f} s"
        )
