"""Events of a gateway as they travel: new ones, and past ones on being asked. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from checker.fleet.items import name_of, port_of
from checker.fleet.values import instant_of, list_of, table_of, text_of, whole_of
from checker.model import Event, EventKind, InvalidValue

MOST_EVENTS = 500
"""In one message."""
FIRST_EVENTS = 2000
"""A new mirror begins with so many of the newest."""
MOST_WORDS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Events in a row."""

    epoch: str
    after: int
    """All events with a greater id than this and up to `last` are here; as far as they exist."""
    last: int
    events: Sequence[Event] = ()
    nonce: str = ""
    has_more: bool = False
    beat: int = 0


def past_body(past: Past) -> bytes:
    table = {
        "epoch": past.epoch,
        "after": past.after,
        "last": past.last,
        "nonce": past.nonce,
        "more": past.has_more,
        "beat": past.beat,
        "events": [event_values(one) for one in past.events],
    }
    return json.dumps(table, separators=(",", ":")).encode()


def event_values(one: Event) -> list[Any]:
    return [one.id, one.at, one.kind.value, one.node, one.port, one.actor, one.text]


def parse_past(body: bytes) -> Past:
    """Parse events; those that are not as we write them are left out. Raises InvalidValue."""
    table = table_of(body)
    after, last = whole_of(table.get("after")), whole_of(table.get("last"))
    return Past(
        epoch=text_of(table.get("epoch"), 64),
        after=after,
        last=last,
        events=tuple(
            one for one in events_of(list_of(table.get("events"))) if after < one.id <= last
        ),
        nonce=text_of(table.get("nonce", ""), 64),
        has_more=table.get("more") is True,
        beat=whole_of(table.get("beat", 0)),
    )


def events_of(many: Iterable[Any]) -> Iterable[Event]:
    for one in many:
        try:
            yield event_of(list_of(one))
        except InvalidValue:
            continue


def event_of(values: list[Any]) -> Event:
    """Raises InvalidValue."""
    if len(values) < 7:
        raise InvalidValue("an event has too few values")
    id_, at, kind, node, port, actor, text = values[:7]
    return Event(
        id=whole_of(id_, 1),
        at=instant_of(at),
        kind=kind_of(kind),
        node=None if node is None else name_of(node),
        port=None if port is None else port_of(port),
        actor=text_of(actor, 256),
        text=text_of(text, MOST_WORDS),
    )


def kind_of(value: Any) -> EventKind:
    """Return the kind; that of a later version is told as one of the gateway. Raises
    InvalidValue.
    """
    try:
        return EventKind(text_of(value, 32))
    except ValueError:
        return EventKind.GATEWAY
