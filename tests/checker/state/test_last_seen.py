"""What was last seen of a forward that is down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Event, EventKind, Watched
from checker.model.last_seen import LastSeen
from checker.state.last_seen import last_seen
from checker.state.rows import Batch
from checker.state.store import StateFile
from tests.strategies import NOW, OFFICE, PORT

HELD = Event(
    at=NOW - 900,
    kind=EventKind.HOLD,
    node=OFFICE,
    text="bundle-0.1.0/dropbear-2022.83, instance b2 connected from 192.0.2.7:4000",
)
LOST = Event(
    at=NOW - 60, kind=EventKind.STATUS, node=OFFICE, port=PORT, text="up -> down: nobody listens"
)
REFUSED = Event(at=NOW - 30, kind=EventKind.REFUSED, node=OFFICE, text="sshd refused its key")


def test_a_lost_forward_has_its_last_connection_and_the_refusal_since(store: StateFile) -> None:
    store.write(Batch(events=[HELD, LOST, replace(LOST, at=NOW, text="hung -> down"), REFUSED]))

    found = last_seen(store, OFFICE, PORT)

    assert found.refused is not None
    assert found.refused.text == REFUSED.text
    assert replace(found, refused=None) == LastSeen(
        was_up=True,
        up_until=NOW - 60,
        connected_at=NOW - 900,
        peer="192.0.2.7:4000",
        client="bundle-0.1.0/dropbear-2022.83",
    )


def test_a_refusal_before_the_last_connection_explains_nothing(store: StateFile) -> None:
    store.write(Batch(events=[replace(REFUSED, at=NOW - 1000), HELD]))

    assert last_seen(store, OFFICE, PORT).refused is None


def test_an_event_without_a_client_tells_the_peer(store: StateFile) -> None:
    store.write(Batch(events=[replace(HELD, text="instance b2 connected from an unknown peer")]))

    found = last_seen(store, OFFICE, PORT)

    assert (found.client, found.peer) == ("", "an unknown peer")


@pytest.mark.parametrize(("up_s", "was_up"), [(0.0, False), (5.0, True)])
def test_a_forward_without_events_was_up_if_a_day_says_so(
    store: StateFile, up_s: float, *, was_up: bool
) -> None:
    day = Watched(day="2026-01-02", up_s=up_s, watched_s=10.0)
    store.write(Batch(uptime=[(OFFICE, PORT, day)]))

    assert last_seen(store, OFFICE, PORT) == LastSeen(was_up=was_up)
