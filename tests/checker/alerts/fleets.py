"""Fleets that alerts watch, picture by picture, and an admin who reads the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from checker.alerts.memory import Memory, memory_from, memory_text, turn
from checker.alerts.picture import ONE_PATH, Picture, Place, Seems, Sight
from checker.alerts.settings import Settings
from checker.alerts.telling import News, after_delivery, after_failure, may_tell, news
from checker.alerts.words import Message, Scene, message
from checker.model import NodeName, Port

WAY = "way"
START = 1_800_000_000.0
EVERY_S = 10.0


def place(name: str, port: int = 20010) -> Place:
    return NodeName(name), Port(port)


def fine(name: str, port: int = 20010, *, is_watched: bool = True, is_muted: bool = False) -> Sight:
    return Sight(
        place=place(name, port),
        seems=Seems.FINE,
        leads=f"target {port}",
        is_watched=is_watched,
        is_muted=is_muted,
    )


def down(
    name: str,
    port: int = 20010,
    why: str = "down",
    *,
    since: float | None = None,
    is_watched: bool = True,
    is_muted: bool = False,
    is_registered: bool = True,
) -> Sight:
    return Sight(
        place=place(name, port),
        seems=Seems.FAULTY,
        why=why,
        since=since,
        leads=f"target {port}",
        is_watched=is_watched,
        is_muted=is_muted,
        is_registered=is_registered,
    )


def half(name: str, *, is_muted: bool = False) -> Sight:
    """One of two paths is lost."""
    return down(name, ONE_PATH, "path 2 is down", is_muted=is_muted)


def unclear(name: str, port: int = 20010) -> Sight:
    return Sight(place=place(name, port), seems=Seems.UNCLEAR, leads=f"target {port}")


@dataclass
class Admin:
    """Gets the messages of one way."""

    settings: Settings = field(default_factory=Settings)
    memory: Memory = field(default_factory=Memory)
    now: float = START
    local: str = "2026-11-26 12:00"
    is_first: bool = True
    reachable: bool = True
    messages: list[Message] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    passed_s: float = 0.0
    """All told, on a clock that does not jump."""

    def sees(
        self,
        *sights: Sight,
        trouble: str = "",
        barred: Mapping[NodeName, str] | None = None,
        passed_s: float = EVERY_S,
    ) -> None:
        """One more picture, and what follows from it."""
        self.now += passed_s
        self.passed_s += passed_s
        picture = Picture(
            now=self.now,
            passed_s=None if self.is_first else passed_s,
            sights=sights,
            trouble=trouble,
            barred=barred or {},
        )
        self.is_first = False
        self.memory = turn(self.memory, picture, self.settings, keys=[WAY], local=self.local)
        self.listen(sights)

    def listen(self, sights: Iterable[Sight]) -> None:
        told = self.memory.ways[WAY]
        found = news(told, self.memory.outages)
        if not (found and may_tell(told)):
            return
        if self.reachable:
            scene = Scene(
                gateway="gw",
                now=self.now,
                storm=self.settings.storm,
                forwards=Counter(sight.place[0] for sight in sights),
            )
            self.messages.append(message(found, scene))
            self.news.append(found)
            self.heard_at.append(self.passed_s)
            after = after_delivery(
                told, found, group_s=self.settings.group_s, storm=self.settings.storm
            )
        else:
            after = after_failure(told)
        self.memory = Memory(
            outages=self.memory.outages, ways={WAY: after}, reminded=self.memory.reminded
        )

    def watches(self, *sights: Sight, for_s: float, trouble: str = "") -> None:
        """Picture after picture with the same sights."""
        for _ in range(int(for_s / EVERY_S)):
            self.sees(*sights, trouble=trouble)

    def restart(self) -> None:
        """The process ends, and another one reads its memory."""
        self.memory = memory_from(memory_text(self.memory))
        self.is_first = True

    @property
    def titles(self) -> list[str]:
        return [one.title.removeprefix("gw: ") for one in self.messages]

    @property
    def bodies(self) -> list[str]:
        return [one.body for one in self.messages]
