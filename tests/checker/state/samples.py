"""What the tests of this package write to a state file."""

from __future__ import annotations

from checker.model import Event, EventKind, Hour, NodeName, Status, Tunnel
from tests.strategies import NOW, OFFICE, PORT, SESSION

UP = Tunnel(node=OFFICE, port=PORT, status=Status.UP, session=SESSION)


def told(number: int, *, at: float = NOW, node: NodeName | None = OFFICE) -> Event:
    return Event(at=at, kind=EventKind.STATUS, text=f"event {number}", node=node, port=PORT)


def numbered(count: int) -> list[Event]:
    return [told(number) for number in range(1, count + 1)]


def an_hour(hour: int, *, up_s: float = 10.0, watched_s: float = 20.0) -> Hour:
    return Hour(node=OFFICE, port=PORT, hour=hour, up_s=up_s, watched_s=watched_s)
