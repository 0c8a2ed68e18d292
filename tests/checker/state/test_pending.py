"""What waits for the state file: each kind of fact can be renamed, taken, and put back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from checker.model import (
    Event,
    EventKind,
    Expect,
    ExpectKind,
    Flaps,
    Hour,
    NodeName,
    Port,
    Registration,
    ShownKey,
    Status,
    Unregistered,
    Watched,
)
from checker.state.pending import MOST_HELD, Pending
from checker.state.rows import Batch, Sweep
from checker.state.store import StateFile, open_store
from tests.checker.state.samples import UP, told
from tests.enrolled import applicant
from tests.strategies import NOW, OFFICE, PORT, SESSION, public_key

LOBBY = NodeName("lobby")
DEVICE = Unregistered(
    node=NodeName("50001"),
    port=Port(50001),
    expect=Expect(kind=ExpectKind.OPEN),
    first_at=NOW,
    last_at=NOW,
)
HELD = Registration(
    node=OFFICE, instance="i", session=SESSION, peer="192.0.2.1:5", registered_at=NOW
)


SHOWN = ShownKey(
    node=OFFICE, port=PORT, key=public_key(8), pinned=public_key(7), session=SESSION, at=NOW
)


def one_of_each(node: NodeName = OFFICE) -> Pending:
    held = replace(HELD, node=node)
    return Pending(
        renamed=[(NodeName("old"), NodeName("older"))],
        tunnels={(node, PORT): replace(UP, node=node)},
        forgotten=[(node, Port(20099))],
        flaps={node: Flaps(count=1, last_at=NOW)},
        registrations=[held],
        ended=[held],
        events=[told(1, node=node)],
        uptime=[(node, PORT, Watched(day="2023-11-14", up_s=1.0, watched_s=2.0))],
        hours=[Hour(node=node, port=PORT, hour=7, up_s=1.0, watched_s=2.0)],
        unregistered={DEVICE.port: DEVICE},
        gone=[replace(DEVICE, port=Port(50002))],
        shown={(node, PORT): replace(SHOWN, node=node)},
        applicants={applicant().fingerprint: applicant()},
        dropped=[applicant(2).fingerprint],
        sweep=Sweep(pid=2, swept_at=NOW, every_s=20.0),
    )


@pytest.mark.parametrize("kind", [kind.name for kind in fields(Pending)])
def test_facts_of_each_kind_wait_are_taken_and_are_put_back(kind: str) -> None:
    pending = Pending(**{kind: getattr(one_of_each(), kind)})
    before = replace(pending)
    assert pending

    taken = pending.take()
    assert not pending
    assert pending == Pending()
    assert taken == before
    assert taken.batch()

    pending.merge(taken)
    assert pending == before


def test_a_batch_has_a_field_for_each_kind() -> None:
    assert {kind.name for kind in fields(Batch)} == {kind.name for kind in fields(Pending)}


def test_facts_of_all_kinds_go_under_the_new_name() -> None:
    pending = one_of_each()

    pending.rename(OFFICE, LOBBY)

    assert pending.renamed.pop() == (OFFICE, LOBBY)
    assert pending == one_of_each(LOBBY)


def test_what_could_not_be_written_goes_under_the_name_that_came_meanwhile() -> None:
    pending = one_of_each()
    taken = pending.take()
    pending.rename(OFFICE, LOBBY)

    pending.merge(taken)

    assert pending.renamed == [*one_of_each().renamed, (OFFICE, LOBBY)]
    assert replace(pending, renamed=one_of_each().renamed) == one_of_each(LOBBY)


def test_what_came_meanwhile_stands_behind_what_is_put_back_and_newer_values_win() -> None:
    pending = Pending(tunnels={(OFFICE, PORT): UP}, events=[told(1)])
    taken = pending.take()
    pending.tunnels[OFFICE, PORT] = replace(UP, status=Status.HUNG)
    pending.add_events([told(2)])

    pending.merge(taken)

    assert pending.events == [told(1), told(2)]
    assert [tunnel.status for tunnel in pending.tunnels.values()] == [Status.HUNG]


def test_a_tunnel_that_is_forgotten_and_seen_again_is_deleted_and_then_written() -> None:
    pending = Pending(tunnels={(OFFICE, PORT): UP})
    taken = pending.take()
    pending.forget((OFFICE, PORT))
    pending.tunnels[OFFICE, PORT] = replace(UP, status=Status.DOWN)

    pending.merge(taken)

    assert pending.forgotten == [(OFFICE, PORT)]
    assert [tunnel.status for tunnel in pending.tunnels.values()] == [Status.DOWN]


def test_a_device_that_is_gone_meanwhile_is_not_put_back() -> None:
    pending = Pending(unregistered={DEVICE.port: DEVICE})
    taken = pending.take()
    pending.forget_unregistered(DEVICE)

    pending.merge(taken)

    assert (pending.unregistered, pending.gone) == ({}, [DEVICE])


def test_lists_are_bounded_and_the_oldest_facts_are_dropped() -> None:
    pending = Pending(events=[told(0)] * MOST_HELD)
    taken = pending.take()
    pending.add_events([told(1)])

    pending.merge(taken)

    assert len(pending.events) == MOST_HELD
    assert pending.events[-1] == told(1)


def test_a_forgotten_tunnel_of_a_renamed_node_is_deleted_from_the_file(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.write(Batch(tunnels=[UP]))
        pending = Pending()
        pending.forget((OFFICE, PORT))
        pending.rename(OFFICE, LOBBY)

        store.write(pending.take().batch())

        assert store.tunnels() == ()


def test_an_event_that_failed_to_be_written_has_the_new_name_in_the_file(store: StateFile) -> None:
    pending = Pending(
        events=[Event(at=NOW, kind=EventKind.HOLD, text="hello", node=OFFICE, port=PORT)]
    )
    taken = pending.take()
    pending.rename(OFFICE, LOBBY)
    pending.merge(taken)

    store.write(pending.take().batch())

    assert [event.node for event in store.events()] == [LOBBY]
