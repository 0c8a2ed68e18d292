"""Choosing events of the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Event, EventKind, NodeName
from checker.state import event_query
from checker.state.event_query import Wanted
from checker.state.rows import Batch
from checker.state.store import StateFile
from tests.checker.state.samples import numbered, told
from tests.strategies import NOW, OFFICE

ATTIC = NodeName("attic")
EVENTS = (
    told(1, at=NOW),
    replace(told(2, at=NOW + 10), kind=EventKind.KILL, actor="ada"),
    told(3, at=NOW + 20, node=ATTIC),
    replace(told(4, at=NOW + 30, node=None), kind=EventKind.SHELL, actor="bob"),
    replace(told(5, at=NOW + 40), kind=EventKind.REGISTRY, actor="bob"),
)


@pytest.fixture
def log(store: StateFile) -> StateFile:
    store.write(Batch(events=EVENTS))
    return store


def found(log: StateFile, **asked: object) -> list[int]:
    wanted = replace(Wanted(), **asked)  # type: ignore[arg-type]
    return [int(event.text.split()[-1]) for event in log.wanted_events(wanted)]


@pytest.mark.parametrize("limit", [None, 100])
@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"after": 3}, [4, 5]),
        ({"since": NOW + 20}, [3, 4, 5]),
        ({"until": NOW + 20}, [1, 2]),
        ({"since": NOW + 5, "until": NOW + 35}, [2, 3, 4]),
        ({"since": NOW + 50}, []),
        ({"until": NOW}, []),
        ({"kinds": frozenset({EventKind.SHELL})}, [4]),
        ({"kinds": frozenset({EventKind.REGISTRY})}, [5]),
        ({"kinds": frozenset({EventKind.KILL, EventKind.SHELL})}, [2, 4]),
        ({"actors": frozenset({"bob", "ada"})}, [2, 4, 5]),
        ({"nodes": frozenset({OFFICE})}, [1, 2, 5]),
        ({"nodes": frozenset({OFFICE, ATTIC})}, [1, 2, 3, 5]),
        ({"holds": lambda event, _: event.text.endswith("3")}, [3]),
        ({"actors": frozenset({"bob"}), "nodes": frozenset({OFFICE}), "since": NOW}, [5]),
    ],
)
def test_what_is_asked_for_must_all_hold(
    log: StateFile, asked: dict[str, object], numbers: list[int], limit: int | None
) -> None:
    assert found(log, **asked, limit=limit) == numbers


def test_a_limit_takes_the_newest_that_match(log: StateFile) -> None:
    assert found(log, limit=2) == [4, 5]
    assert found(log, limit=1, nodes=frozenset({ATTIC})) == [3]
    assert found(log, limit=1, kinds=frozenset({EventKind.SHELL})) == [4]


def test_a_clock_that_went_back_hides_no_event(store: StateFile) -> None:
    store.write(Batch(events=[told(1, at=NOW + 99), told(2, at=NOW), told(3, at=NOW + 50)]))

    assert found(store, since=NOW + 40) == [1, 3]
    assert found(store, until=NOW + 60) == [2, 3]


def test_many_events_are_read_in_pages(store: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_query, "PAGE", 10)
    store.write(Batch(events=numbered(35)))

    assert found(store) == list(range(1, 36))


def test_while_events_are_shown_the_file_is_not_locked(
    store: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_query, "PAGE", 2)
    store.write(Batch(events=numbered(3)))
    events = store.wanted_events(Wanted())
    next(events)

    store.write(Batch(events=[Event(at=NOW, kind=EventKind.GATEWAY, text="event 4")]))

    assert [event.id for event in events] == [2, 3, 4]


def test_one_nodes_events_are_found_by_the_index(log: StateFile) -> None:
    values = event_query.values_of(log.db, Wanted(nodes=frozenset({OFFICE})))
    assert values is not None

    plan = log.db.execute(
        f"EXPLAIN QUERY PLAN {event_query.statement(values, event_query.NEWEST_FIRST)}", values
    ).fetchone()["detail"]

    assert "event_node (node=? AND id>?)" in plan or "event_node (node=? AND rowid>?)" in plan


def test_a_time_is_found_by_the_index(log: StateFile) -> None:
    plan = log.db.execute(
        f"EXPLAIN QUERY PLAN {event_query.FIRST_SINCE}", {"since": NOW}
    ).fetchone()["detail"]

    assert "COVERING INDEX event_at" in plan


def test_events_of_a_time_are_read_in_their_order_without_sorting(log: StateFile) -> None:
    values = event_query.values_of(log.db, Wanted(since=NOW, until=NOW + 30))
    assert values is not None

    for order in (event_query.NEWEST_FIRST, event_query.OLDEST_FIRST):
        plan = log.db.execute(
            f"EXPLAIN QUERY PLAN {event_query.statement(values, order)}", values
        ).fetchall()
        assert [row["detail"] for row in plan] == [
            "SEARCH event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
        ]
