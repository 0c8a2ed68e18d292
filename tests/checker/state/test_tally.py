"""Events are counted, and the count outlasts them; a rollback is in test_schema.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from checker.model import Event, EventKind
from checker.state.rows import Batch
from checker.state.schema import migrations
from checker.state.store import StateFile, open_reader, open_store
from checker.state.tally import COUNTED, read_tally
from tests.strategies import NOW

ONE_OF_EACH = [Event(at=NOW, kind=kind, text="") for kind in EventKind]


def tally(store: StateFile) -> Mapping[str, int]:
    with store.using() as db:
        return read_tally(db)


def test_only_these_kinds_are_counted(store: StateFile) -> None:
    store.write(Batch(events=ONE_OF_EACH))
    store.write(Batch(events=ONE_OF_EACH))

    assert tally(store) == dict.fromkeys(COUNTED, 2)
    assert {*COUNTED} <= {kind.value for kind in EventKind}


def test_the_count_never_falls(store: StateFile, path: Path) -> None:
    store.write(Batch(events=ONE_OF_EACH))

    store.prune(NOW + 1e9)
    with closing(open_store(path)) as again:
        assert again.events() == ()
        assert tally(again) == dict.fromkeys(COUNTED, 1)


def test_it_begins_with_the_events_of_an_older_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for script in migrations()[:1]:
            db.executescript(script)
        db.execute("PRAGMA user_version = 1")
        for kind in ("kill", "kill", "status"):
            db.execute(
                "INSERT INTO event (at, kind, actor, text) VALUES (1.0, :kind, 'daemon', '')",
                {"kind": kind},
            )
    with closing(open_reader(path)) as reader:
        assert tally(reader) == {}

    with closing(open_store(path)) as store:
        assert tally(store) == {"kill": 2}
        store.write(Batch(events=ONE_OF_EACH))
        assert tally(store)["kill"] == 3
