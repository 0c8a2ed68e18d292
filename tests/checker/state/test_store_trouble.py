"""A state file that is damaged, missing, busy or full: what is raised, and what is replaced."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.state.errors import StateCorrupt, StateError, StateMissing, StateUnavailable
from checker.state.rows import Batch
from checker.state.store import (
    StateFile,
    open_or_replace,
    open_reader,
    open_store,
)
from tests.checker.state.samples import UP, numbered
from tests.strategies import (
    NOW,
    OFFICE,
)


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
def test_any_bytes_in_place_of_the_file_are_replaced(content: bytes) -> None:
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


def test_a_file_without_tables_yet_counts_as_missing(path: Path) -> None:
    path.touch()

    with pytest.raises(StateMissing):
        open_reader(path)


@pytest.mark.parametrize("place", ["file/state.db", "missing/state.db", "."])
def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(StateUnavailable, match="check the disk's free space and the permissions"):
        open_store(tmp_path / place)
    with pytest.raises(StateError):
        open_or_replace(tmp_path / place, NOW)


def test_a_full_disk_costs_only_the_batch_that_does_not_fit(store: StateFile) -> None:
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
from checker.state.errors import StateUnavailable
from checker.state.store import open_store
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


def test_a_file_that_may_not_grow_raises_each_time_and_takes_what_fits(
    path: Path,
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", WRITE_UNDER_LIMIT, str(path)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        preexec_fn=limit_files,
    )

    assert said.stdout.split() == ["told", "told", "1"], said.stderr


def test_a_file_that_another_process_writes_is_busy(store: StateFile, path: Path) -> None:
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
from checker.state.errors import StateUnavailable
from checker.state.schema import migrations
from checker.state.store import open_reader, open_store
migrations()  # what it imports may lie where another user cannot go
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


def test_a_user_who_may_not_write_reads_the_file_as_it_is() -> None:
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
                timeout=200,
                check=False,
            )
        finally:
            Path(folder).chmod(0o755)

    assert said.stdout.startswith("1 3\n"), said.stderr
    assert "cannot be used" in said.stdout


def test_a_reader_cannot_write(store: StateFile, path: Path) -> None:
    store.write(Batch(tunnels=[UP]))

    with closing(open_reader(path)) as reader, pytest.raises(StateUnavailable, match="readonly"):
        reader.write(Batch(tunnels=[UP]))


def test_a_file_that_root_makes_belongs_to_the_daemon(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 4711, 4711)

    with closing(open_store(folder / "state.db")) as store:
        store.write(Batch(events=numbered(1)))

        assert {(file.name, file.stat().st_uid) for file in folder.iterdir()} == {
            ("state.db", 4711), ("state.db-wal", 4711), ("state.db-shm", 4711)
        }  # fmt: skip
