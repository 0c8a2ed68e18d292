"""Reading the days, hours and changes of many forwards at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.model import Event, EventKind, Hour, NodeName, Port, Tunnel, Watched
from checker.state.errors import StateMissing
from checker.state.rows import Batch
from checker.state.store import StateFile
from checker.state.uptimes import ByForward, Times, history, sums_since

ATTIC, BARN = NodeName("attic"), NodeName("barn")
PORT = Port(20010)
TIMES = Times(days=("2026-11-20", "2026-11-27"), at=(100.0, 200.0), hour=50)


def event(node: NodeName | None, at: float, kind: EventKind, text: str) -> Event:
    return Event(at=at, kind=kind, text=text, node=node, port=PORT if node else None)


def fill(store: StateFile) -> None:
    day = Watched(day="2026-11-20", up_s=1.0, watched_s=2.0)
    store.write(
        Batch(
            tunnels=[Tunnel(node=node, port=PORT) for node in (ATTIC, BARN)],
            uptime=[
                (ATTIC, PORT, day),
                (ATTIC, PORT, day._replace(day="2026-11-27")),
                (BARN, PORT, day._replace(day="2026-11-19")),
                (BARN, PORT, day._replace(day="2026-11-26")),
            ],
            hours=[Hour(ATTIC, PORT, hour, 10.0, 20.0) for hour in (49, 50, 51)],
            events=[
                event(BARN, 150.0, EventKind.STATUS, "up -> down: nobody listens on the port"),
                event(ATTIC, 160.0, EventKind.KILL, "killed"),
                event(ATTIC, 170.0, EventKind.HOLD, "connected"),
                event(None, 170.0, EventKind.GATEWAY, "started"),
                event(BARN, 100.0, EventKind.STATUS, "down -> up"),
                event(BARN, 200.0, EventKind.STATUS, "down -> up"),
            ],
        )
    )


@pytest.mark.parametrize("nodes", [None, (ATTIC, BARN)])
def test_each_forward_has_its_days_hours_and_events_in_the_span(
    store: StateFile, nodes: tuple[NodeName, ...] | None
) -> None:
    fill(store)

    with history(store.path, TIMES, nodes) as found:
        days = {node: found.days.of((node, PORT)) for node in (ATTIC, BARN)}
        changes = {node: found.changes.of((node, PORT)) for node in (ATTIC, BARN)}

    assert days == {ATTIC: [("2026-11-20", 1.0, 2.0)], BARN: [("2026-11-26", 1.0, 2.0)]}
    assert changes == {
        ATTIC: [(160.0, "kill", "killed")],
        BARN: [
            (150.0, "status", "up -> down: nobody listens on th"),
            (100.0, "status", "down -> up"),
        ],
    }
    assert found.lately == {(ATTIC, PORT): Watched(day="", up_s=20.0, watched_s=40.0)}


def test_only_the_nodes_asked_for_are_read(store: StateFile) -> None:
    fill(store)

    with history(store.path, TIMES, (BARN,)) as found:
        assert found.days.of((ATTIC, PORT)) == []
        assert found.days.of((BARN, PORT)) != []


def test_forwards_between_those_asked_for_are_passed_over() -> None:
    found: ByForward[tuple[int]] = ByForward(
        [("a", 1, 10), ("a", 2, 20), ("b", 1, 30), ("b", 1, 31), ("d", 1, 40)]
    )

    places = [(NodeName(node), Port(port)) for node, port in (("a", 2), ("b", 1), ("c", 1))]

    assert [found.of(place) for place in places] == [[(20,)], [(30,), (31,)], []]
    assert found.of((NodeName("e"), Port(1))) == []


def test_sums_are_of_the_later_days_and_of_all(store: StateFile) -> None:
    fill(store)

    sums = sums_since(store, "2026-11-26", "2026-11-19")

    assert sums == [(ATTIC, PORT, 1.0, 2.0, 2.0, 4.0), (BARN, PORT, 1.0, 2.0, 2.0, 4.0)]


def test_there_is_no_history_without_a_state_file(tmp_path: Path) -> None:
    with pytest.raises(StateMissing), history(tmp_path / "none.db", TIMES):
        pass
