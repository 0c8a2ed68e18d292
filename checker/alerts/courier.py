"""Deliver messages in threads of their own: a slow service must not hold up another."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass

from checker.alerts.heartbeat import EVERY_S, call
from checker.alerts.telling import News
from checker.alerts.ways import Way
from checker.alerts.words import Message

LONG_S = 120.0
"""A delivery that takes longer than this counts as failed for the heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a message."""

    way: Way
    news: News
    title: str
    why_not: str
    """Why it was not delivered, as a clause; empty if it was."""


class Couriers:
    """At most one message of each way is under way. Only one thread calls these methods."""

    def __init__(self) -> None:
        self.done: queue.SimpleQueue[Delivery] = queue.SimpleQueue()
        self.began: dict[str, float] = {}
        """When each delivery under way began, by the way's digest."""

    def is_busy(self, way: Way) -> bool:
        return way.key in self.began

    def is_stuck(self, way: Way) -> bool:
        return time.monotonic() - self.began.get(way.key, time.monotonic()) > LONG_S

    def start(self, way: Way, message: Message, news: News) -> None:
        self.began[way.key] = time.monotonic()

        def deliver() -> None:
            why_not = "a bug in reversi"
            try:
                why_not = way.send(message)
            finally:
                self.done.put(Delivery(way=way, news=news, title=message.title, why_not=why_not))

        threading.Thread(target=deliver, daemon=True, name=f"deliver {way.key}").start()

    def finished(self, within_s: float = 0.0) -> list[Delivery]:
        """Return what was delivered or failed; wait for what is under way, but not longer."""
        found: list[Delivery] = []
        deadline = time.monotonic() + within_s
        while self.began:
            left_s = max(0.0, deadline - time.monotonic())
            try:
                one = self.done.get(timeout=left_s) if left_s else self.done.get_nowait()
            except queue.Empty:
                break
            self.began.pop(one.way.key, None)
            found.append(one)
        return found


class Heart:
    """Calls the heartbeat's URL, now and then."""

    def __init__(self) -> None:
        self.next_at = 0.0
        self.results: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.is_busy = False

    def beat(self, url: str) -> None:
        """Call it if it is time, and the call before has ended."""
        if self.is_busy or time.monotonic() < self.next_at:
            return
        self.is_busy, self.next_at = True, time.monotonic() + EVERY_S

        def beat() -> None:
            why_not = "a bug in reversi"
            try:
                why_not = call(url)
            finally:
                self.results.put(why_not)

        threading.Thread(target=beat, daemon=True, name="heartbeat").start()

    def result(self) -> str | None:
        """Return why the last call failed; empty if it did not; None if none ended since."""
        try:
            found = self.results.get_nowait()
        except queue.Empty:
            return None
        self.is_busy = False
        return found
