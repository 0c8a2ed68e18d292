"""What a gateway tells, and that whoever misses messages ends with the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.fleet import telling
from checker.fleet.gaps import Heard, Then, on_rows
from checker.fleet.items import parse_items, tunnel_key, tunnel_values
from checker.fleet.telling import AGES_EVERY_S, MOST_BYTES, Teller
from checker.model import NodeName, Place, Port, ProcessId, Registration, Status, Tunnel
from checker.state.ages import is_material


def teller() -> Teller:
    return Teller(epoch="a", is_material=is_material)


def tunnel(name: str, status: Status = Status.UP, **more: Any) -> Tunnel:
    return Tunnel(node=NodeName(name), port=Port(20000), status=status, **more)


def registration(name: str, pid: int) -> Registration:
    return Registration(
        node=NodeName(name),
        instance="word",
        session=ProcessId(pid=pid, start_ticks=1),
        peer="192.0.2.1",
        registered_at=5.0,
        client="reversi-client/1",
    )


def parsed(texts: Iterable[str]) -> list[list[Any]]:
    return [json.loads(text) for text in texts]


def test_a_changed_status_is_told_at_once_and_a_new_age_once_a_minute() -> None:
    one = teller()
    one.see_tunnels([tunnel("barn")])
    assert one.message(0.0) is not None

    one.see_tunnels([tunnel("barn", latency_ms=5.0, probed_at=60.0)])
    assert one.message(10.0) is None
    one.see_tunnels([tunnel("barn", Status.DOWN, latency_ms=5.0, probed_at=61.0)])
    told = one.message(11.0)
    assert told is not None
    assert told.number == 2
    one.see_tunnels([tunnel("barn", Status.DOWN, latency_ms=9.0, probed_at=71.0)])
    assert one.message(AGES_EVERY_S - 1) is None
    aged = one.message(AGES_EVERY_S)
    assert aged is not None
    assert parse_items(parsed(aged.items)).tunnels[0].latency_ms == 9.0


def test_it_tells_at_most_once_a_second_and_256_kib() -> None:
    one = teller()
    one.see_tunnels([tunnel(f"n{number}", detail="x" * 500) for number in range(1000)])

    first = one.message(0.0)
    assert first is not None
    assert one.message(0.5) is None
    second = one.message(1.0)

    assert second is not None
    assert second.number == first.number + 1
    assert sum(map(len, first.items)) <= MOST_BYTES


def test_what_is_gone_is_told() -> None:
    one = teller()
    one.see_tunnels([tunnel("barn"), tunnel("office")])
    one.see_registrations([registration("barn", 7)])
    one.settle()

    one.see_places([(NodeName("office"), Port(20000))])
    one.see_registrations([])
    told = one.message(0.0)

    assert told is not None
    assert parsed(told.items) == [["t", "barn", 20000], ["r", "barn", 7, 1]]
    assert one.counts() == {"up": 1}


def test_a_device_that_is_back_before_its_end_was_told_stays() -> None:
    one = teller()
    one.see_tunnels([tunnel("barn")])
    one.settle()

    one.see_places([])
    one.see_tunnels([tunnel("barn")])
    told = one.message(0.0)

    assert told is not None
    assert [one[:3] for one in parsed(told.items)] == [["t", "barn", 20000]]
    assert len(parsed(told.items)[0]) == 4


@dataclass
class Listener:
    """Whoever hears one gateway, in memory: as `Member` does it."""

    heard: Heard = field(default_factory=Heard)
    rows: dict[Place, Tunnel] = field(default_factory=dict)

    def hear(self, one: Teller, number: int, items: tuple[str, ...]) -> None:
        match on_rows(self.heard, one.epoch, number):
            case Then.TAKE:
                self.put(items)
                self.heard = Heard(epoch=one.epoch, number=number)
            case Then.ASK:
                self.catch_up(one)
            case _:
                pass

    def put(self, items: tuple[str, ...]) -> set[Any]:
        found = parse_items(parsed(items))
        assert not found.refused
        self.rows |= {(row.node, row.port): row for row in found.tunnels}
        for place in found.forgotten:
            self.rows.pop(place, None)
        return found.keys

    def catch_up(self, one: Teller) -> None:
        epoch, since, known = self.heard.epoch, self.heard.number, self.heard.number
        keys: set[Any] | None = None
        while True:
            page = one.page(epoch, since, known)
            if page.is_whole:
                keys, known = set(), one.number
            epoch, since = one.epoch, page.upto
            found = self.put(page.items)
            if keys is None:
                known = since
            else:
                keys |= found
            if not page.has_more:
                break
        if keys is not None:
            self.rows = {
                place: row for place, row in self.rows.items() if tunnel_key(place) in keys
            }
        self.heard = Heard(epoch=epoch, number=since)


PLACES = st.integers(min_value=0, max_value=5)
STATUSES = st.sampled_from([Status.UP, Status.DOWN, Status.HUNG])
STEPS = st.lists(
    st.tuples(st.just("see"), PLACES, STATUSES)
    | st.tuples(st.just("lose"), PLACES, STATUSES)
    | st.tuples(st.sampled_from(["tell", "drop", "restart"]), PLACES, STATUSES),
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_whoever_missed_messages_ends_with_the_same_rows(steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telling, "MOST_BYTES", 250)  # so that each message has one or two items
        patch.setattr(telling, "MOST_GONE", 2)
        one, listener = teller(), Listener()
        epochs = iter("bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ")
        for now, (step, number, status) in enumerate(steps):
            row = tunnel(f"n{number}", status)
            match step:
                case "see":
                    one.see_tunnels([row])
                case "lose":
                    one.see_places([place for place in one.tunnels if place[0] != row.node])
                case "restart":
                    rows = list(one.tunnels.values())
                    one = Teller(epoch=next(epochs), is_material=is_material)
                    one.see_tunnels(rows)
                    one.settle()
                case _:
                    told = one.message(float(now))
                    if told is not None and step == "tell":
                        listener.hear(one, told.number, told.items)
        one.settle()
        listener.catch_up(one)

    assert {place: tunnel_values(row) for place, row in listener.rows.items()} == {
        place: tunnel_values(row) for place, row in one.tunnels.items()
    }


def test_a_mirror_is_filled_page_by_page_while_rows_change() -> None:
    one, listener = teller(), Listener()
    one.see_tunnels([tunnel(f"n{number}", detail="x" * 900) for number in range(1000)])
    one.settle()

    page = one.page("", 0, 0)
    listener.put(page.items)
    one.see_tunnels([tunnel("n0", Status.DOWN), tunnel("n999", Status.DOWN)])
    one.settle()
    begun, since = one.number - 1, page.upto
    while page.has_more:
        page = one.page("a", since, begun)
        assert not page.is_whole
        listener.put(page.items)
        since = page.upto

    assert listener.rows == one.tunnels
