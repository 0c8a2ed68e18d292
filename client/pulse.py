"""Whether a connection lives: bytes that move are a sign of life, as much as the answer to a beat.

A beat and its answer wait behind bulk, on a slow link for minutes. So what counts is how long
*nothing* happened after a beat: nothing received, and while the beat still waits in our own queue,
nothing of that queue acknowledged. Once the beat is delivered, acknowledgements alone show nothing:
the kernel of a gateway that is frozen sends them too.
"""

from __future__ import annotations

from client.words import Moved

MOST_OWED = 64
"""Beats without an answer, after which no more are sent."""


class Pulse:
    """The beats, answers and bytes of one connection."""

    def __init__(self) -> None:
        self.owed = 0
        """Beats without an answer. Only a bound: an answer may get lost in what the login
        prints.
        """
        self.answered = False
        self.since_s: float | None = None
        """When the first beat was sent after which nothing was received, or a later byte of our
        queue acknowledged; None: all is well.
        """
        self.mark: int | None = None
        """Where that beat ends in what we send: when so many bytes are acknowledged, it was
        delivered.
        """
        self.last: Moved | None = None

    @property
    def may_beat(self) -> bool:
        return self.owed < MOST_OWED

    @property
    def is_delivered(self) -> bool:
        """Whether the other side's kernel has the beat; true if nobody can tell."""
        if self.last is None or self.last.acked is None:
            return True
        return self.mark is not None and self.last.acked >= self.mark

    def beat(self, now_s: float) -> None:
        self.owed += 1
        if self.since_s is None:
            self.since_s, self.mark = now_s, None

    def answer(self, now_s: float) -> float | None:
        """Returns the seconds for which nothing happened after a beat; None: no beat waited for a
        sign of life.
        """
        self.owed = max(self.owed - 1, 0) if self.answered else 0
        self.answered = True
        return self.live(now_s)

    def live(self, now_s: float) -> float | None:
        """Something was received; returns as `answer` does."""
        since_s, self.since_s = self.since_s, None
        return None if since_s is None else now_s - since_s

    def move(self, moved: Moved, now_s: float) -> float | None:
        """Takes the counters of now; returns as `answer` does."""
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
