"""Beat files: whose they are, when they were touched, and when they go."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from checker.linux.processes import read_process
from checker.model import ProcessId
from checker.state.beats import all_beats, beat_file, beaten_at, remove_dead, session_in


def own_process() -> ProcessId:
    found = read_process(os.getpid())
    assert found is not None
    return found.id


def test_the_time_of_a_beat_file_is_that_of_the_last_beat(tmp_path: Path) -> None:
    session = ProcessId(pid=7, start_ticks=9)
    beat_file(tmp_path, session).touch()
    os.utime(beat_file(tmp_path, session), (1.0, 1_700_000_000.5))

    assert beaten_at(tmp_path, session) == 1_700_000_000.5
    assert all_beats(tmp_path) == {session: 1_700_000_000.5}


def test_a_connection_that_never_beat_has_no_time(tmp_path: Path) -> None:
    assert beaten_at(tmp_path, ProcessId(pid=7, start_ticks=9)) is None
    assert all_beats(tmp_path / "gone") == {}


def test_other_files_in_the_spool_are_ignored(tmp_path: Path) -> None:
    for name in ("left", "beat.x.1", "beat.1", "beat.1.2.3", "beat.-1.2"):
        (tmp_path / name).touch()

    assert all_beats(tmp_path) == {}
    assert session_in("beat.1.2") == ProcessId(pid=1, start_ticks=2)


def test_a_link_in_the_spool_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.touch()
    os.utime(target, (1.0, 1.0))
    session = ProcessId(pid=7, start_ticks=9)
    beat_file(tmp_path, session).symlink_to(target)

    assert beaten_at(tmp_path, session) != 1.0
    assert all_beats(tmp_path)[session] != 1.0


def test_the_files_of_connections_that_ended_are_removed(tmp_path: Path) -> None:
    living = own_process()
    ended = replace(living, start_ticks=living.start_ticks + 1)
    for session in (living, ended):
        beat_file(tmp_path, session).touch()

    remove_dead(tmp_path)

    assert set(all_beats(tmp_path)) == {living}
