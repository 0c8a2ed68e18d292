"""What is written of a tunnel: its row, its node's losses, its events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.model import EventKind, Flaps, Policy, Port, ProcessId, ShownKey, Status, Tunnel
from checker.model.tunnel import lost_at
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import CONDITION
from checker.tunnels.losses import lost
from checker.tunnels.record import TunnelRecord, with_clone_note
from tests.strategies import FORWARD, NOW, OFFICE, PORT, SESSION, public_key

POLICY = Policy()
OTHER = ProcessId(pid=5555, start_ticks=1)


@pytest.fixture
def record(tmp_path: Path) -> TunnelRecord:
    """The record of a gateway that saw one forward up."""
    one = TunnelRecord(Ledger(home_layout(tmp_path), None), POLICY)
    one.ledger.put(row())
    return one


def row(status: Status = Status.UP) -> Tunnel:
    return Tunnel(
        node=OFFICE,
        port=PORT,
        status=status,
        session=SESSION,
        peer="192.0.2.1:5",
        latency_ms=3.0,
        probed_at=NOW - 20,
        checked_at=NOW - 5,
        since=NOW - 100,
        strikes=1,
        failures=2,
        kills=3,
        verdict=4,
    )


def texts(record: TunnelRecord, kind: EventKind) -> list[str]:
    return [event.text for event in record.ledger.pending.events if event.kind is kind]


def test_a_judged_row_is_written_with_its_uptime_and_an_event_of_the_new_status(
    record: TunnelRecord,
) -> None:
    after = replace(row(Status.DOWN), detail="nobody listens", probed_at=NOW)

    record.judged(row(), after, Flaps(count=1, last_at=NOW, session=SESSION))

    assert record.ledger.tunnel(FORWARD) == after
    assert record.flaps(FORWARD).count == 1
    record.ledger.take_ages()
    assert [(node, port, day.watched_s) for node, port, day in record.ledger.pending.uptime] == [
        (OFFICE, PORT, 20.0)
    ]
    assert texts(record, EventKind.STATUS) == ["up -> down: nobody listens"]


def test_a_kill_frees_the_row_and_counts_one_loss(record: TunnelRecord) -> None:
    record.killed(FORWARD, SESSION, why="hung", actor="daemon", is_counted=False)

    after = record.ledger.tunnel(FORWARD)
    assert (after.status, after.session, after.strikes, after.kills, after.verdict) == (
        Status.DOWN,
        None,
        0,
        4,
        1,
    )
    assert record.flaps(FORWARD).count == 1
    assert texts(record, EventKind.KILL) == [after.detail]
    assert after.detail == f"killed sshd process {SESSION.pid}, the port is free; hung"


def test_a_judged_kill_counts_one_loss_although_another_connection_was_lost_meanwhile(
    record: TunnelRecord,
) -> None:
    judged = lost(Flaps(), SESSION, POLICY, NOW)
    record.judged(row(), replace(row(Status.HUNG), probed_at=NOW), judged)
    record.ledger.put_flaps(OFFICE, lost(judged, OTHER, POLICY, NOW))

    record.killed(FORWARD, SESSION, why="hung", actor="daemon", is_counted=True)

    assert record.flaps(FORWARD).count == 2
    assert record.ledger.tunnel(FORWARD).verdict == 2


def test_a_session_killed_for_another_forward_does_not_count_as_another_kill(
    record: TunnelRecord,
) -> None:
    record.killed_for_sibling(FORWARD, SESSION)

    after = record.ledger.tunnel(FORWARD)
    assert (after.status, after.session, after.kills) == (Status.DOWN, None, 3)
    assert after.detail == f"sshd process {SESSION.pid} was killed for another of its forwards"
    assert record.flaps(FORWARD) == Flaps()
    assert not texts(record, EventKind.KILL)


def test_a_holder_that_was_not_killed_leaves_the_row_as_it_is(record: TunnelRecord) -> None:
    record.spared(FORWARD, "process 4242 does not hold the port", actor="root")

    assert record.ledger.tunnel(FORWARD) == row()
    assert texts(record, EventKind.KILL_FAILED) == [
        "not killed: process 4242 does not hold the port"
    ]


def test_a_shut_forward_keeps_its_kills_and_is_logged_once(record: TunnelRecord) -> None:
    record.ledger.put_flaps(OFFICE, Flaps(count=3, last_at=NOW))

    record.shut(FORWARD, "disabled")
    record.shut(FORWARD, "disabled")

    after = record.ledger.tunnel(FORWARD)
    assert (after.status, after.detail, after.kills, after.session) == (
        Status.UNKNOWN,
        "disabled",
        3,
        None,
    )
    assert record.flaps(FORWARD) == Flaps()
    assert texts(record, EventKind.STATUS) == ["up -> unknown: disabled"]
    assert lost_at(after) == after.since


def test_a_shut_forward_that_nobody_held_was_not_lost(record: TunnelRecord) -> None:
    record.ledger.put(Tunnel(node=OFFICE, port=PORT, status=Status.DOWN, since=NOW, held_until=0.0))

    record.shut(FORWARD, "disabled")
    record.shut(FORWARD, "disabled")

    assert record.ledger.tunnel(FORWARD).held_until == 0.0


def test_a_reset_clears_strikes_losses_and_the_wait(record: TunnelRecord) -> None:
    record.ledger.put_flaps(OFFICE, Flaps(count=3, last_at=NOW))

    record.reset(FORWARD, "killed process 4242", operator="root")

    after = record.ledger.tunnel(FORWARD)
    assert (after.strikes, after.failures, after.verdict, after.kills) == (0, 0, 0, 3)
    assert record.flaps(FORWARD) == Flaps()
    assert texts(record, EventKind.RESET) == ["reset by root: killed process 4242"]


def test_a_request_and_a_connection_of_the_node_are_noted(record: TunnelRecord) -> None:
    record.asked(FORWARD)
    asked = record.ledger.tunnel(FORWARD)
    record.connected(FORWARD, NOW)

    assert asked.checked_at is not None
    assert asked.checked_at > NOW
    assert asked.verdict == 4
    assert record.ledger.tunnel(FORWARD) == replace(row(), checked_at=NOW, verdict=0)


def test_the_row_of_a_forward_that_moved_goes_on_at_its_new_port(record: TunnelRecord) -> None:
    record.moved(FORWARD, Port(20099))

    moved = record.ledger.tunnel(replace(FORWARD, port=Port(20099)))
    assert moved == replace(row(), port=Port(20099))


def test_another_host_key_than_the_pinned_one_is_logged_once_and_again_for_another_pin(
    record: TunnelRecord,
) -> None:
    shown = ShownKey(
        node=OFFICE, port=PORT, key=public_key(9), pinned=public_key(7), session=SESSION, at=NOW
    )
    first, second = (replace(FORWARD, host_key=public_key(number)) for number in (7, 8))

    record.host_key_differs(first, "nothing is known")
    record.ledger.put_shown(shown)
    for forward in (first, first, second):
        record.host_key_differs(forward, "another key came")

    advice = "nothing was ended; if the key was replaced, run: reversi-checker node pin office"
    assert texts(record, EventKind.HOSTKEY) == [f"another key came; {advice}"] * 2
    assert record.ledger.shown[OFFICE, PORT].logged == public_key(8)

    record.moved(FORWARD, Port(20099))

    assert record.ledger.shown[OFFICE, Port(20099)].key == public_key(9)


@pytest.mark.parametrize(
    ("strikes", "verdict", "events"),
    [
        pytest.param(1, 60, 1, id="it becomes so"),
        pytest.param(2, 60, 0, id="it stays so"),
        pytest.param(2, 1, 1, id="the node hears another wait"),
    ],
)
def test_a_hung_port_that_cannot_be_freed_is_logged_when_it_becomes_so(
    record: TunnelRecord, strikes: int, verdict: int, events: int
) -> None:
    before = replace(row(Status.HUNG), strikes=strikes, verdict=verdict)

    record.holder_unknown(before, replace(before, strikes=strikes + 1, verdict=60))

    assert len(texts(record, EventKind.KILL_FAILED)) == events


@pytest.mark.parametrize(
    ("detail", "note", "shown"),
    [
        pytest.param("", "", "", id="nothing"),
        pytest.param("nobody listens", "", "nobody listens", id="no note"),
        pytest.param("", f"{CONDITION}: b", f"{CONDITION}: b", id="only the note"),
        pytest.param("slow", f"{CONDITION}: b", f"slow; {CONDITION}: b", id="beside it"),
        pytest.param(f"slow; {CONDITION}: a", f"{CONDITION}: b", f"slow; {CONDITION}: b", id="new"),
    ],
)
def test_a_note_about_a_copied_key_replaces_the_earlier_one(
    detail: str, note: str, shown: str
) -> None:
    assert with_clone_note(replace(row(), detail=detail), note).detail == shown
