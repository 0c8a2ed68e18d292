"""Forwards that are probed more seldom than the others."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName
from checker.state.glance import glance
from checker.state.rows import Batch
from checker.state.store import StateFile
from tests.checker.state.samples import UP
from tests.strategies import NOW, OFFICE, PORT

SELDOM = replace(UP, probed_at=NOW, due_s=155.0)
LOBBY = NodeName("lobby")


def due(store: StateFile) -> list[float | None]:
    """As the readers of tunnels have it; the metrics have the same."""
    found = [tunnel.due_s for tunnel in store.tunnels()]
    assert [seen.due_s for seen in glance(store).seen] == found
    return found


def test_it_is_read_as_it_was_written_until_the_forward_is_probed_as_usual(
    store: StateFile,
) -> None:
    usual = replace(UP, node=LOBBY)
    store.write(Batch(tunnels=[SELDOM, usual]))
    assert set(due(store)) == {155.0, None}

    store.write(Batch(tunnels=[replace(SELDOM, due_s=63.0), usual]))
    assert set(due(store)) == {63.0, None}

    store.write(Batch(tunnels=[replace(SELDOM, due_s=None)]))

    assert due(store) == [None, None]


def test_it_follows_its_node_and_goes_with_its_tunnel(store: StateFile) -> None:
    store.write(Batch(tunnels=[SELDOM]))

    store.write(Batch(renamed=[(OFFICE, LOBBY)]))
    assert due(store) == [155.0]

    store.write(Batch(forgotten=[(LOBBY, PORT)]))
    store.write(Batch(tunnels=[replace(UP, node=LOBBY)]))
    assert due(store) == [None]


def test_who_sweeps_more_seldom_reads_no_forward_as_due_before(store: StateFile) -> None:
    usual = replace(UP, node=LOBBY)
    store.write(Batch(tunnels=[usual]))
    assert [seen.due_s for seen in store.tunnels(least_due_s=40.0)] == [40.0]

    store.write(Batch(tunnels=[SELDOM]))

    found = store.tunnels(least_due_s=40.0)
    assert {(seen.node, seen.due_s) for seen in found} == {(LOBBY, 40.0), (OFFICE, 155.0)}
