"""Tell whether a connection is alive: moving bytes are a sign of life, and so is an answer.

During a transfer over a slow link, a beat and its answer may be queued for minutes. So what counts
is how long *nothing* happened after a beat: no byte was received, and while the beat is still in
our own queue, no byte of that queue was acknowledged. Once the beat is delivered, acknowledgements
prove nothing: the kernel of a frozen gateway sends them too.
"""

from __future__ import annotations

from client.words import Moved

MOST_OWED = 64
"""Send no more beats while this many are unanswered."""


class Pulse:
    """The beats, answers and bytes of one connection."""

    def __init__(self) -> None:
        self.owed = 0
        """Unanswered beats; too many if an answer was taken for text that the login printed."""
        self.answered = False
        self.since_s: float | None = None
        """Since when the connection has been silent; None: no beat waits for a sign of life.

        This is when the beat was sent or, later, when a byte ahead of it was acknowledged.
        """
        self.mark: int | None = None
        """How many bytes must be acknowledged to deliver that beat; None: not known yet."""
        self.last: Moved | None = None

    @property
    def may_beat(self) -> bool:
        return self.owed < MOST_OWED

    @property
    def is_delivered(self) -> bool:
        """Whether the other side's kernel has the beat; true if this system cannot tell."""
        if self.last is None or self.last.acked is None:
            return True
        return self.mark is not None and self.last.acked >= self.mark

    def beat(self, now_s: float) -> None:
        self.owed += 1
        if self.since_s is None:
            self.since_s, self.mark = now_s, None

    def answer(self, now_s: float) -> float | None:
        """Note an answer. Return for how many seconds the connection was silent after a beat.

        None: no beat waited for a sign of life.
        """
        self.owed = max(self.owed - 1, 0) if self.answered else 0
        self.answered = True
        return self.live(now_s)

    def live(self, now_s: float) -> float | None:
        """Note that something was received; return as `answer` does."""
        since_s, self.since_s = self.since_s, None
        return None if since_s is None else now_s - since_s

    def move(self, moved: Moved, now_s: float) -> float | None:
        """Note the current counters; return as `answer` does."""
        last, self.last = self.last, moved
        if last is None:
            return None
        if moved.received > last.received:
            return self.live(now_s)
        if self.since_s is None or moved.acked is None or last.acked is None:
            return None
        if self.mark is None:
            self.mark = moved.acked + moved.queued
        elif last.acked < self.mark and moved.arrived > last.arrived:
            self.since_s = now_s
        return None
