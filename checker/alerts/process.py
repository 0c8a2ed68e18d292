"""The process of `alert`: look at the gateway every few seconds, and send what there is to tell."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from checker.alerts.courier import Couriers, Delivery, Heart
from checker.alerts.following import Following
from checker.alerts.memory import gist, memory_text, turn
from checker.alerts.memory_file import load_memory
from checker.alerts.picture import Picture
from checker.alerts.reading import Look
from checker.alerts.settings import Settings
from checker.alerts.telling import after_delivery, after_failure, may_tell, news, owes
from checker.alerts.ways import Way
from checker.alerts.words import Scene, message
from checker.config.files import write_atomically
from checker.config.toml_file import ConfigError
from checker.model import printable

log = logging.getLogger(__name__)
LEAST_PAUSE_S = 5.0
READING_SHARE = 40
"""Reading may take one part in so many of our time."""
LONGEST_STEP_S = 60.0
"""If more time passed, this process was stopped, and saw nothing."""
SAVE_EVERY_S = 60.0
ENDS_WITHIN_S = 8.0
"""How long deliveries under way may take when we end."""
Looking = Callable[[Settings, float, float | None], Look]


class Stopping(Protocol):
    """Says when to end."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> object: ...


class Stop:
    """Set by a signal's handler, which must take no lock: so it writes to a pipe."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def set(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self.writes, b".")

    def is_set(self) -> bool:
        return self.wait(0.0)

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, but not longer; return whether it is."""
        return bool(select.select([self.reads], [], [], timeout)[0])


class Alerting:
    """Everything that the process does in one turn."""

    def __init__(
        self, following: Following, memory_path: Path, looking: Looking, host: str
    ) -> None:
        self.following = following
        self.memory_path = memory_path
        self.looking = looking
        self.host = host
        self.memory = load_memory(memory_path)
        self.saved: object = gist(self.memory)
        self.saved_at = time.monotonic()
        self.looked_at: float | None = None
        """On a clock that does not jump."""
        self.couriers = Couriers()
        self.heart = Heart()
        self.remarks: tuple[str, ...] = ()
        self.last_complaint = ""
        self.is_heard = True

    def run(self, stop: Stopping) -> None:
        """Work until stopped; then wait a little for what is under way."""
        while not stop.is_set():
            began = time.monotonic()
            self.turn()
            stop.wait(max(LEAST_PAUSE_S, READING_SHARE * (time.monotonic() - began)))
        self.take(self.couriers.finished(ENDS_WITHIN_S))
        self.save()

    def turn(self) -> None:
        self.following.poll()
        self.take(self.couriers.finished())
        picture = self.look()
        self.memory = turn(
            self.memory,
            picture,
            self.following.settings,
            keys=[way.key for way in self.following.ways],
            local=time.strftime("%Y-%m-%d %H:%M", time.localtime(picture.now)),
        )
        for way in self.following.ways:
            self.send(way, picture)
        self.save_changes()
        self.beat(picture)

    def look(self) -> Picture:
        """Look at the gateway, and log what is new about it."""
        clock, before = time.monotonic(), self.looked_at
        passed_s = None if before is None else min(LONGEST_STEP_S, clock - before)
        self.looked_at = clock
        found = self.looking(self.following.settings, time.time(), passed_s)
        for remark in found.remarks:
            if remark not in self.remarks:
                log.warning("%s", remark)
        self.remarks = found.remarks
        return found.picture

    def send(self, way: Way, picture: Picture) -> None:
        """Send what this way has to tell, if it may now."""
        told = self.memory.ways[way.key]
        if self.couriers.is_busy(way) or not may_tell(told):
            return
        found = news(told, self.memory.outages)
        if found:
            self.couriers.start(way, message(found, self.scene(picture)), found)

    def scene(self, picture: Picture) -> Scene:
        forwards = Counter(sight.place[0] for sight in picture.sights if sight.place[1] > 0)
        return Scene(
            gateway=self.host,
            now=picture.now,
            storm=self.following.settings.storm,
            forwards=forwards,
        )

    def take(self, deliveries: list[Delivery]) -> None:
        """Remember which messages arrived, and which did not."""
        settings = self.following.settings
        for one in deliveries:
            told = self.memory.ways.get(one.way.key)
            if told is None:
                continue
            if one.why_not:
                after = after_failure(told)
                log.warning(
                    "cannot send by %s: %s; trying again in %.0f s",
                    one.way.name,
                    one.why_not,
                    after.wait_s,
                )
            else:
                after = after_delivery(
                    told, one.news, group_s=settings.group_s, storm=settings.storm
                )
                log.info("sent by %s: %s", one.way.name, printable(one.title, 200))
            self.memory = replace(self.memory, ways={**self.memory.ways, one.way.key: after})
        if deliveries:
            self.save()

    def save_changes(self) -> None:
        is_due = time.monotonic() - self.saved_at >= SAVE_EVERY_S
        if is_due or gist(self.memory) != self.saved:
            self.save()

    def save(self) -> None:
        """Write the memory; if that fails, go on, and say so once."""
        self.saved, self.saved_at = gist(self.memory), time.monotonic()
        try:
            write_atomically(self.memory_path, memory_text(self.memory).encode(), mode=0o600)
        except ConfigError as error:
            self.complain(f"{error}; after a restart, messages may be repeated")
        else:
            self.last_complaint = ""

    def complain(self, sentence: str) -> None:
        if sentence != self.last_complaint:
            log.error("%s", sentence)
        self.last_complaint = sentence

    def beat(self, picture: Picture) -> None:
        """Call the heartbeat while the gateway is tested, and every way delivers."""
        why_not = self.heart.result()
        if why_not is not None:
            self.hear(why_not)
        url = self.following.settings.heartbeat
        if url and not picture.trouble and not any(map(self.is_failing, self.following.ways)):
            self.heart.beat(url)

    def is_failing(self, way: Way) -> bool:
        """Whether the way has something to tell, and could not."""
        told = self.memory.ways[way.key]
        has_failed = bool(told.failures) and owes(told, self.memory.outages)
        return has_failed or self.couriers.is_stuck(way)

    def hear(self, why_not: str) -> None:
        """Log when the heartbeat begins to fail, and when it is heard again."""
        if why_not and self.is_heard:
            log.warning("the heartbeat is not heard: %s", why_not)
        elif not why_not and not self.is_heard:
            log.info("the heartbeat is heard again")
        self.is_heard = not why_not
