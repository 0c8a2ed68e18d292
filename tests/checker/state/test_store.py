"""The state file: what is written comes back, what is damaged is moved aside, and what can not be
used says so.
"""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checker.model import (
    HOUR_S,
    Event,
    EventKind,
    Flaps,
    Hour,
    NodeName,
    Port,
    Registration,
    Status,
    Tunnel,
    Watched,
)
from checker.state.rows import Batch, Sweep
from checker.state.store import (
    BUSY_MS,
    KEEP_DAYS,
    KEEP_EVENTS_S,
    KEEP_HOURS,
    StateCorrupt,
    StateError,
    StateFile,
    StateMissing,
    StateNewer,
    StateUnavailable,
    migrations,
    open_or_replace,
    open_reader,
    open_store,
)
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
UP = Tunnel(node=OFFICE, port=PORT, status=Status.UP, session=SESSION)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def store(path: Path) -> Iterator[StateFile]:
    with closing(open_store(path)) as opened:
        yield opened


def told(number: int, *, at: float = NOW, node: NodeName | None = OFFICE) -> Event:
    return Event(at=at, kind=EventKind.STATUS, text=f"event {number}", node=node, port=PORT)


def numbered(count: int) -> list[Event]:
    return [told(number) for number in range(1, count + 1)]


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
def test_how_the_file_is_opened(store: StateFile, pragma: str, value: object) -> None:
    with store.using() as db:
        assert db.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_migrations_are_numbered_from_one_and_make_the_version(store: StateFile) -> None:
    folder = Path(__file__).parents[3] / "checker" / "state" / "migrations"
    numbers = sorted(
        int(found[1]) for script in folder.iterdir() if (found := re.match(r"(\d+)", script.name))
    )

    with store.using() as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]

    assert numbers == list(range(1, len(numbers) + 1))
    assert version == len(migrations()) == len(numbers)


@pytest.mark.parametrize(
    ("table", "column", "enum"), [("tunnel", "status", Status), ("event", "kind", EventKind)]
)
def test_the_tables_take_exactly_the_words_of_the_enums(
    store: StateFile, table: str, column: str, enum: type[Status | EventKind]
) -> None:
    with store.using() as db:
        sql = db.execute(
            "SELECT sql FROM sqlite_schema WHERE name = :table", {"table": table}
        ).fetchone()[0]
    allowed = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", sql)

    assert allowed is not None
    never_stored = {Status.BROKEN.value}
    assert set(re.findall(r"'([^']*)'", allowed[1])) == {word.value for word in enum} - never_stored


def test_every_table_is_strict(store: StateFile) -> None:
    with store.using() as db:
        tables = db.execute(
            "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE"
            " 'sqlite_%'"
        ).fetchall()

    assert {row["name"] for row in tables} == {
        "tunnel",
        "registration",
        "flaps",
        "event",
        "uptime",
        "hour",
        "sweep",
        "unregistered",
    }
    assert all(row["strict"] for row in tables)


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
    store.write(Batch(uptime=[(OFFICE, PORT, replace(day, up_s=0.0))]))

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


def an_hour(hour: int, *, up_s: float = 10.0, watched_s: float = 20.0) -> Hour:
    return Hour(node=OFFICE, port=PORT, hour=hour, up_s=up_s, watched_s=watched_s)


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


@pytest.fixture
def old(path: Path) -> Path:
    """A state file as version 2 of the schema has it, with a row of each kind that has more columns
    now.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for script in migrations()[:2]:
            db.executescript(script)
        db.execute("PRAGMA user_version = 2")
        db.execute(
            "INSERT INTO tunnel VALUES ('office', 20010, 'up', '', 1.5, 4242, 99, '192.0.2.1:5',"
            " 1.0, 2.0, 3.0, 0, 4, 0, 0, 1)"
        )
        db.execute(
            "INSERT INTO registration VALUES ('office', 'i', 4242, 99, '192.0.2.1:5', 1.0, '7')"
        )
        db.execute("INSERT INTO sweep VALUES (1, 2, 3.0, 20.0, 1)")
        db.execute("INSERT INTO uptime VALUES ('office', 20010, '2023-11-14', 1.0, 2.0)")
    return path


OLD_TUNNEL = Tunnel(
    node=OFFICE,
    port=PORT,
    status=Status.UP,
    latency_ms=1.5,
    session=SESSION,
    peer="192.0.2.1:5",
    since=1.0,
    probed_at=2.0,
    checked_at=3.0,
    kills=4,
    revision=1,
)
OLD_REGISTRATION = Registration(
    node=OFFICE,
    instance="i",
    session=SESSION,
    peer="192.0.2.1:5",
    registered_at=1.0,
    inodes=frozenset({7}),
)


def test_a_file_of_the_product_before_is_read_as_it_is(old: Path) -> None:
    with closing(open_reader(old)) as reader:
        assert reader.tunnels() == (OLD_TUNNEL,)
        assert reader.registrations() == (OLD_REGISTRATION,)
        assert reader.last_sweep() == Sweep(pid=2, swept_at=3.0, every_s=20.0)
        assert reader.hours(since_hour=0) == ()


def test_a_file_of_the_product_before_is_brought_up_to_date_with_all_that_it_knew(
    old: Path,
) -> None:
    with closing(open_reader(old)) as reader, closing(open_store(old)) as store:
        store.write(
            Batch(hours=[an_hour(7)], registrations=[replace(OLD_REGISTRATION, client="c/1")])
        )

        assert store.tunnels() == (OLD_TUNNEL,)
        assert store.last_sweep() == Sweep(pid=2, swept_at=3.0, every_s=20.0)
        assert [day.watched_s for day in store.uptime(OFFICE, PORT, since_day="2023-11-14")] == [
            2.0
        ]
        assert [one.client for one in reader.registrations()] == ["c/1"], (
            "who reads it meanwhile sees what is new"
        )
        assert reader.hours(since_hour=0) == (an_hour(7),)


def test_a_file_that_root_makes_belongs_to_the_daemon(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 4711, 4711)

    with closing(open_store(folder / "state.db")) as store:
        store.write(Batch(events=[Event(at=NOW, kind=EventKind.STATUS, text="first")]))

        assert {(file.name, file.stat().st_uid) for file in folder.iterdir()} == {
            ("state.db", 4711), ("state.db-wal", 4711), ("state.db-shm", 4711)
        }  # fmt: skip


def test_a_file_of_a_newer_product_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")

    for opens in (open_store, open_reader):
        with pytest.raises(StateNewer, match="written by a newer reversi: schema 999"):
            opens(path)
    with pytest.raises(StateUnavailable):
        open_or_replace(path, NOW)

    assert path.exists()
    assert not list(path.parent.glob("*.damaged-*"))


def damage_none(path: Path) -> None:
    path.write_bytes(b"this is not a database, and never was one: " * 100)


def damage_random(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(16384))


def damage_truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def damage_inside(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 + 8)
        file.write(b"\xff" * 8000)


@pytest.mark.parametrize("damage", [damage_none, damage_random, damage_truncated, damage_inside])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(path: Path, damage: object) -> None:
    with closing(open_store(path)) as store:
        store.write(Batch(tunnels=[UP], events=numbered(500)))
    assert callable(damage)
    damage(path)
    content = path.read_bytes()

    replaced, aside = open_or_replace(path, NOW)

    with closing(replaced):
        assert aside == path.with_name(f"state.db.damaged-{int(NOW)}")
        assert aside.read_bytes()[:100] == content[:100]
        replaced.write(Batch(tunnels=[UP]))
        assert [tunnel.node for tunnel in replaced.tunnels()] == [OFFICE]


def test_a_sound_file_stays(path: Path) -> None:
    with closing(open_store(path)) as store:
        store.write(Batch(tunnels=[UP]))

    opened, aside = open_or_replace(path, NOW)

    with closing(opened):
        assert aside is None
        assert len(opened.tunnels()) == 1


@given(st.binary(max_size=400))
@settings(max_examples=25, deadline=None)
def test_any_bytes_in_the_place_of_the_file_are_replaced_or_told_of(content: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="reversi-test-") as folder:
        path = Path(folder) / "state.db"
        path.write_bytes(content)

        opened, _ = open_or_replace(path, NOW)

        with closing(opened):
            opened.write(Batch(tunnels=[UP]))


def test_a_damaged_file_is_corrupt_to_those_who_do_not_replace_it(path: Path) -> None:
    damage_none(path)

    with pytest.raises(
        StateCorrupt, match=r"is damaged .*; the daemon moves it aside when it starts"
    ):
        open_store(path)
    with pytest.raises(StateCorrupt):
        open_reader(path)


def test_a_file_that_is_not_there_is_missing(path: Path) -> None:
    with pytest.raises(StateMissing, match="start reversi-checker serve or up"):
        open_reader(path)


def test_a_file_that_the_daemon_has_just_made_is_missing_still(path: Path) -> None:
    path.touch()

    with pytest.raises(StateMissing):
        open_reader(path)


@pytest.mark.parametrize("place", ["file/state.db", "missing/state.db", "."])
def test_a_place_that_can_not_be_written_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(StateUnavailable, match="check the disk's free space and the permissions"):
        open_store(tmp_path / place)
    with pytest.raises(StateError):
        open_or_replace(tmp_path / place, NOW)


def test_a_full_disk_costs_what_was_to_be_written_and_nothing_else(store: StateFile) -> None:
    store.write(Batch(tunnels=[UP]))
    with store.using() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StateUnavailable, match="full"):
        store.write(Batch(events=numbered(5000)))
    assert store.events() == ()
    assert len(store.tunnels()) == 1

    with store.using() as db:
        db.execute("PRAGMA max_page_count = 100000")
    store.write(Batch(events=numbered(5000)))
    assert len(store.events(limit=9999)) == 5000


WRITE_UNDER_LIMIT = """
import sys
from pathlib import Path
from checker.model import Event, EventKind
from checker.state.rows import Batch
from checker.state.store import StateUnavailable, open_store
store = open_store(Path(sys.argv[1]))
events = [Event(at=1.0, kind=EventKind.STATUS, text="x" * 200) for _ in range(3000)]
for _ in range(2):
    try:
        store.write(Batch(events=events))
    except StateUnavailable:
        print("told")
store.write(Batch(events=events[:1]))
print(len(store.events()))
"""


def limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_file_that_may_not_grow_is_told_each_time_and_works_again_for_what_fits(
    path: Path,
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", WRITE_UNDER_LIMIT, str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        preexec_fn=limit_files,
    )

    assert said.stdout.split() == ["told", "told", "1"], said.stderr


def test_a_file_that_another_writes_is_busy_and_says_so(store: StateFile, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with store.using() as db:
            db.execute("PRAGMA busy_timeout = 20")

        with pytest.raises(StateUnavailable, match="locked"):
            store.write(Batch(tunnels=[UP]))

        other.execute("ROLLBACK")
    store.write(Batch(tunnels=[UP]))


READ_AS_ANOTHER = """
import os, sys
from pathlib import Path
from checker.state.store import migrations, open_reader, open_store, StateUnavailable
migrations()  # what it imports may lie where another user can not go
if os.geteuid() == 0:
    os.setgroups([])
    os.setuid(65534)
store = open_reader(Path(sys.argv[1]))
print(len(store.tunnels()), len(store.events()))
store.close()
try:
    open_store(Path(sys.argv[1]))
except StateUnavailable as error:
    print(error)
"""


def test_who_may_not_write_reads_the_file_as_it_stands() -> None:
    with tempfile.TemporaryDirectory(prefix="reversi-test-") as folder:
        path = Path(folder) / "state.db"
        with closing(open_store(path)) as store:
            store.write(Batch(tunnels=[UP], events=numbered(3)))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        try:
            said = subprocess.run(
                [sys.executable, "-c", READ_AS_ANOTHER, str(path)],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        finally:
            Path(folder).chmod(0o755)

    assert said.stdout.startswith("1 3\n"), said.stderr
    assert "can not be used" in said.stdout


def test_a_reader_can_not_write(store: StateFile, path: Path) -> None:
    store.write(Batch(tunnels=[UP]))

    with closing(open_reader(path)) as reader, pytest.raises(StateUnavailable, match="readonly"):
        reader.write(Batch(tunnels=[UP]))
