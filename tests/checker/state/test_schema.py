"""The state file's tables: migrations, files of other versions, and a rollback to 0.1.0."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.model import (
    Event,
    EventKind,
    Registration,
    Status,
    Tunnel,
)
from checker.state.errors import StateNewer, StateUnavailable
from checker.state.rows import ACTS, Batch, Sweep
from checker.state.schema import migrations
from checker.state.store import (
    StateFile,
    open_or_replace,
    open_reader,
    open_store,
)
from checker.state.tally import read_tally
from tests.checker.state.samples import an_hour
from tests.strategies import (
    NOW,
    OFFICE,
    PORT,
    SESSION,
)


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
    never_stored = {Status.BROKEN.value, *ACTS}
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
        "said",
        "shown_key",
        "tally",
        "applicant",
        "due",
        "held",
    }
    assert all(row["strict"] for row in tables)


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


def test_a_file_of_an_older_product_is_read_as_it_is(old: Path) -> None:
    with closing(open_reader(old)) as reader:
        assert reader.tunnels() == (OLD_TUNNEL,)
        assert reader.registrations() == (OLD_REGISTRATION,)
        assert reader.last_sweep() == Sweep(pid=2, swept_at=3.0, every_s=20.0)
        assert reader.hours(since_hour=0) == ()


def test_a_file_of_an_older_product_is_migrated_without_loss(
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


ACTIONS = tuple(
    Event(at=float(at), kind=kind, text="ssh -p 20010 office", node=OFFICE, port=PORT, actor="ann")
    for at, kind in enumerate(EventKind)
)
"""An event of each kind."""
RELEASED = Path(__file__).parents[2] / "data" / "released" / "checker-0.1.0.tar.xz"
IN_0_1_0 = """
import json, sys
from pathlib import Path
from checker.model import Event, EventKind
from checker.store import Batch, open_store
store = open_store(Path(sys.argv[1]))
print(json.dumps([(event.kind, event.text, event.actor) for event in store.events()]))
for kind in (EventKind.HOLD, EventKind.KILL):
    store.write(Batch(events=[Event(at=99.0, kind=kind, text="by 0.1.0")]))
"""


def test_events_of_new_kinds_survive_a_rollback_to_0_1_0(path: Path, tmp_path: Path) -> None:
    with closing(open_store(path)) as store:
        store.write(Batch(events=ACTIONS))
    safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(RELEASED) as released:
        released.extractall(tmp_path / "released", **safe)

    done = subprocess.run(
        [sys.executable, "-c", IN_0_1_0, path],
        cwd=tmp_path / "released",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "released")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert [(text, actor) for _, text, actor in seen] == [
        (event.text, event.actor) for event in ACTIONS
    ]
    assert [kind for kind, _, _ in seen][-3:] == ["registry"] * 3
    with closing(open_store(path)) as store:
        found = store.events()
        with store.using() as db:
            counted = read_tally(db)
    assert [event.kind for event in found] == [*EventKind, EventKind.HOLD, EventKind.KILL]
    assert counted["kill"] == 2, "an older release counts, too"


def test_events_that_0_1_0_wrote_are_read_before_and_after_the_column_is_added(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        db.execute(
            "INSERT INTO event (at, kind, actor, text) VALUES (1.0, 'registry', 'ann', 'added')"
        )
        db.commit()

    with closing(open_reader(old)) as reader:
        assert [event.text for event in reader.events()] == ["added"]
        with closing(open_store(old)) as store:
            store.write(Batch(events=ACTIONS))
        assert [event.kind for event in reader.events()] == [EventKind.REGISTRY, *EventKind]


def test_an_event_of_a_later_products_kind_is_read_as_the_kind_that_stands_for_it(
    path: Path,
) -> None:
    with closing(open_store(path)) as store:
        store.write(Batch(events=ACTIONS[:1]))
        with store.using() as db:
            db.execute("UPDATE event SET act = 'dance'")

        assert [event.kind for event in store.events()] == [ACTIONS[0].kind]


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
