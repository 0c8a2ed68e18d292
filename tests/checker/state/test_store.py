"""The state file: what is written comes back, and readers get what changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.model import (
    HOUR_S,
    Event,
    Flaps,
    NodeName,
    Port,
    Registration,
    Status,
    Tunnel,
    Watched,
)
from checker.state.rows import Batch, Sweep, registration_row
from checker.state.spool import registration_in
from checker.state.store import (
    BUSY_MS,
    KEEP_DAYS,
    KEEP_EVENTS_S,
    KEEP_HOURS,
    StateFile,
    open_reader,
)
from tests.checker.state.samples import UP, an_hour, numbered, told
from tests.strategies import (
    NOW,
    OFFICE,
    PORT,
    SESSION,
    events,
    flaps,
    names,
    registrations,
    sweeps,
    tunnels,
)

NO_FIXTURE_CHECK = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def empty(store: StateFile) -> None:
    with store.using() as db:
        for table in ("tunnel", "registration", "flaps", "event", "uptime", "hour", "sweep"):
            db.execute(f"DELETE FROM {table}")


@given(st.lists(tunnels, max_size=5, unique_by=lambda tunnel: (tunnel.node, tunnel.port)))
@NO_FIXTURE_CHECK
def test_tunnels_come_back(store: StateFile, written: list[Tunnel]) -> None:
    empty(store)

    store.write(Batch(tunnels=written))

    found = {(tunnel.node, tunnel.port): replace(tunnel, revision=1) for tunnel in store.tunnels()}
    assert found == {(tunnel.node, tunnel.port): tunnel for tunnel in written}


@given(st.lists(events, max_size=5))
@NO_FIXTURE_CHECK
def test_events_come_back_in_their_order(store: StateFile, written: list[Event]) -> None:
    empty(store)

    store.write(Batch(events=written))

    assert [replace(event, id=0) for event in store.events()] == written


@given(st.lists(registrations, max_size=5, unique_by=lambda one: (one.node, one.session)))
@NO_FIXTURE_CHECK
def test_registrations_come_back_oldest_first_until_they_ended(
    store: StateFile, written: list[Registration]
) -> None:
    empty(store)

    store.write(Batch(registrations=written))
    found = store.registrations()
    store.write(Batch(ended=written))

    assert set(found) == set(written)
    assert [one.registered_at for one in found] == sorted(one.registered_at for one in written)
    assert store.registrations() == ()


@pytest.mark.parametrize("home", ["", "gw2"])
def test_whether_a_client_moves_is_kept_in_the_word_that_it_sent(
    store: StateFile, home: str
) -> None:
    made = Registration(
        node=OFFICE,
        instance="box",
        session=SESSION,
        peer="",
        registered_at=NOW,
        client="reversi/1.0",
        moves=True,
        home=home,
    )

    store.write(Batch(registrations=[made]))

    assert store.registrations() == (made,)
    assert registration_row(made)["client"] == f"reversi/1.0+moves{'-gw2' if home else ''}"
    assert registration_in(registration_row(made)) == made


@given(st.dictionaries(names, flaps, max_size=5))
@NO_FIXTURE_CHECK
def test_flaps_come_back(store: StateFile, written: dict[NodeName, Flaps]) -> None:
    empty(store)

    store.write(Batch(flaps=list(written.items())))

    assert store.flaps() == written


@given(sweeps, sweeps)
@NO_FIXTURE_CHECK
def test_the_last_sweep_comes_back(store: StateFile, first: Sweep, last: Sweep) -> None:
    store.write(Batch(sweep=first))
    store.write(Batch(sweep=last))

    assert store.last_sweep() == last


def test_a_new_file_knows_nothing(store: StateFile) -> None:
    assert (store.tunnels(), store.registrations(), store.flaps(), store.events()) == (
        (),
        (),
        {},
        (),
    )
    assert store.last_sweep() is None


def test_an_empty_batch_is_nothing_to_write() -> None:
    assert not Batch()
    assert Batch(events=[told(1)])
    assert Batch(sweep=Sweep(pid=2, swept_at=NOW, every_s=20.0))


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", BUSY_MS)],
)
def test_the_file_is_opened_with_these_settings(
    store: StateFile, pragma: str, value: object
) -> None:
    with store.using() as db:
        assert db.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_a_reader_gets_what_is_newer_than_what_it_has(store: StateFile) -> None:
    store.write(Batch(tunnels=[UP, replace(UP, port=Port(20011))]))
    seen = max(tunnel.revision for tunnel in store.tunnels())

    store.write(Batch(tunnels=[replace(UP, status=Status.HUNG)]))

    newer = store.tunnels(since_revision=seen)
    assert [(tunnel.port, tunnel.status) for tunnel in newer] == [(PORT, Status.HUNG)]
    assert store.tunnels(since_revision=newer[0].revision) == ()


def test_no_revision_comes_twice_when_the_newest_tunnel_is_forgotten(store: StateFile) -> None:
    other = replace(UP, port=Port(20011))
    store.write(Batch(tunnels=[other], sweep=Sweep(pid=2, swept_at=NOW, every_s=20.0)))
    store.write(Batch(tunnels=[UP]))
    seen = max(tunnel.revision for tunnel in store.tunnels())

    store.write(Batch(forgotten=[(OFFICE, PORT)]))
    store.write(Batch(tunnels=[other]))

    assert [tunnel.port for tunnel in store.tunnels(since_revision=seen)] == [20011]


def test_a_write_runs_no_statement_twice(store: StateFile) -> None:
    ran: list[str] = []
    with store.using() as db:
        db.set_trace_callback(ran.append)

    store.write(
        Batch(
            tunnels=[UP],
            forgotten=[(OFFICE, Port(20011))],
            flaps=[(OFFICE, Flaps(count=1, last_at=NOW))],
            events=[told(1)],
            uptime=[(OFFICE, PORT, Watched(day="2023-11-14", up_s=1.0, watched_s=2.0))],
            hours=[an_hour(7)],
            sweep=Sweep(pid=2, swept_at=NOW, every_s=20.0),
            renamed=[(NodeName("lobby"), OFFICE)],
        )
    )

    assert len(ran) > 10
    # SQLite also reports the trigger on events, by the statement that fires it
    assert len(set(ran)) == len(ran) - 1


def test_a_forgotten_tunnel_that_is_back_in_the_same_batch_stays(store: StateFile) -> None:
    store.write(Batch(tunnels=[UP]))

    store.write(Batch(forgotten=[(OFFICE, PORT)], tunnels=[replace(UP, status=Status.DOWN)]))

    assert [tunnel.status for tunnel in store.tunnels()] == [Status.DOWN]


def test_only_another_connections_write_changes_the_token(store: StateFile, path: Path) -> None:
    with closing(open_reader(path)) as reader:
        before, own = reader.changed_token(), store.changed_token()
        assert reader.changed_token() == before

        store.write(Batch(tunnels=[UP]))

        assert reader.changed_token() != before
        assert store.changed_token() == own


def test_the_newest_events_after_an_id_come_oldest_first(store: StateFile) -> None:
    store.write(Batch(events=[*numbered(5), told(6, node=NodeName("b")), told(7, node=None)]))

    assert [event.id for event in store.events()] == [1, 2, 3, 4, 5, 6, 7]
    assert [event.id for event in store.events(limit=2)] == [6, 7]
    assert [event.id for event in store.events(after=4)] == [5, 6, 7]
    assert [event.id for event in store.events(node=OFFICE, limit=2)] == [4, 5]
    assert [event.id for event in store.events(node=OFFICE, after=5)] == []


def test_pruning_forgets_what_is_too_old_and_no_id_comes_twice(store: StateFile) -> None:
    old_day, new_day = "2022-01-01", "2023-11-01"
    watched = [
        (OFFICE, PORT, Watched(day=day, up_s=1.0, watched_s=2.0)) for day in (old_day, new_day)
    ]
    store.write(
        Batch(
            events=[told(1, at=NOW - KEEP_EVENTS_S - 1), told(2, at=NOW - KEEP_EVENTS_S + 1)],
            uptime=watched,
        )
    )

    store.prune(NOW)
    store.write(Batch(events=[told(3)]))

    assert KEEP_EVENTS_S == 90 * 86400
    assert KEEP_DAYS == 400
    assert [(event.id, event.text) for event in store.events()] == [(2, "event 2"), (3, "event 3")]
    assert [day.day for day in store.uptime(OFFICE, PORT, since_day="2000-01-01")] == [new_day]


def test_time_watched_on_a_day_adds_up(store: StateFile) -> None:
    day = Watched(day="2023-11-14", up_s=10.0, watched_s=20.0)
    nothing = Watched(day="2023-11-15", up_s=0.0, watched_s=0.0)

    store.write(Batch(uptime=[(OFFICE, PORT, day), (OFFICE, PORT, day), (OFFICE, PORT, nothing)]))
    store.write(Batch(uptime=[(OFFICE, PORT, day._replace(up_s=0.0))]))

    assert store.uptime(OFFICE, PORT, since_day="2023-11-14") == (
        Watched(day="2023-11-14", up_s=20.0, watched_s=60.0),
    )
    assert store.uptime(OFFICE, PORT, since_day="2023-11-15") == ()


def test_more_time_up_than_watched_is_a_bug_of_ours_and_writes_nothing(store: StateFile) -> None:
    impossible = Watched(day="2023-11-14", up_s=2.0, watched_s=1.0)

    with pytest.raises(sqlite3.IntegrityError, match="watched_s >= up_s"):
        store.write(Batch(tunnels=[UP], uptime=[(OFFICE, PORT, impossible)]))

    assert store.tunnels() == ()
    store.write(Batch(tunnels=[UP]))


def test_time_watched_in_an_hour_adds_up_and_comes_from_the_hour_asked_for(
    store: StateFile,
) -> None:
    store.write(Batch(hours=[an_hour(7), an_hour(8), an_hour(8)]))
    store.write(Batch(hours=[an_hour(8, up_s=0.0), an_hour(8)._replace(port=Port(20011))]))

    summed = an_hour(8, up_s=20.0, watched_s=60.0)
    assert set(store.hours(since_hour=8)) == {summed, an_hour(8)._replace(port=Port(20011))}
    assert len(store.hours(since_hour=7)) == 3
    assert store.hours(since_hour=9) == ()


def test_hours_alone_are_worth_a_batch() -> None:
    assert Batch(hours=[an_hour(1)])


def test_the_last_48_hours_are_kept(store: StateFile) -> None:
    present = int(NOW // HOUR_S)
    store.write(Batch(hours=[an_hour(present - back) for back in range(50)]))

    store.prune(NOW)

    assert KEEP_HOURS == 48
    assert sorted(one.hour for one in store.hours(since_hour=0)) == list(
        range(present - 47, present + 1)
    )


def test_hours_go_by_the_new_name_of_their_node(store: StateFile) -> None:
    lobby = NodeName("lobby")
    store.write(Batch(hours=[an_hour(7)]))

    store.write(Batch(renamed=[(OFFICE, lobby)]))

    assert store.hours(since_hour=0) == (an_hour(7)._replace(node=lobby),)
