"""When the reading thread polls, and when it may report."""

from __future__ import annotations

import threading


class Turns:
    """One report at a time: a slow terminal gets fewer and larger ones. Only the reading thread
    calls `wait`; any thread may call the others.
    """

    def __init__(self) -> None:
        self.bell = threading.Condition()
        self.stopped = self.asked = False
        self.in_flight = False
        """Whether a report was posted and not taken in yet."""

    def wait(self, pause_s: float) -> None:
        """Wait until the last report was taken in, then so long, or until somebody wakes us."""
        with self.bell:
            self.bell.wait_for(lambda: self.stopped or not self.in_flight)
            if pause_s:
                self.bell.wait_for(lambda: self.stopped or self.asked, pause_s)
            self.asked = False

    def taken(self) -> None:
        """Allow the next report: the last one was taken in."""
        with self.bell:
            self.in_flight = False
            self.bell.notify_all()

    def wake(self) -> None:
        """Poll now."""
        with self.bell:
            self.asked = True
            self.bell.notify_all()

    def stop(self) -> None:
        with self.bell:
            self.stopped = True
            self.bell.notify_all()
