"""When forwards were held last, beside their rows."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName, Status
from checker.state.rows import Batch
from checker.state.store import StateFile
from tests.checker.state.samples import UP
from tests.strategies import NOW, OFFICE, PORT

NEW = replace(UP, status=Status.DOWN, session=None, since=NOW, held_until=0.0)
LOBBY = NodeName("lobby")


def held(store: StateFile) -> list[float | None]:
    return [tunnel.held_until for tunnel in store.tunnels()]


def test_it_is_read_as_it_was_written_until_the_port_is_held(store: StateFile) -> None:
    seldom = replace(NEW, node=LOBBY, held_until=NOW - 9, due_s=155.0)
    store.write(Batch(tunnels=[NEW, seldom]))
    assert set(held(store)) == {0.0, NOW - 9}
    assert {tunnel.due_s for tunnel in store.tunnels()} == {None, 155.0}

    store.write(Batch(tunnels=[UP]))

    assert sorted(held(store), key=str) == [NOW - 9, None]


def test_it_does_not_count_once_an_older_release_wrote_another_status(store: StateFile) -> None:
    store.write(Batch(tunnels=[NEW]))

    with store.using() as db:
        db.execute("UPDATE tunnel SET since = since + 100")

    assert held(store) == [None]


def test_it_follows_its_node_and_goes_with_its_tunnel(store: StateFile) -> None:
    store.write(Batch(tunnels=[NEW]))

    store.write(Batch(renamed=[(OFFICE, LOBBY)]))
    assert held(store) == [0.0]

    store.write(Batch(forgotten=[(LOBBY, PORT)]))
    store.write(Batch(tunnels=[replace(NEW, node=LOBBY, held_until=None)]))
    assert held(store) == [None]
