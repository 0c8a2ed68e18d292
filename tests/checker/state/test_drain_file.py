"""The file that says that a gateway drains."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.model import NodeName
from checker.model.drain import (
    Drain,
    DrainProgress,
    DrainUnreadable,
    Leaver,
    drain_in,
    drain_text,
    progress_from,
    progress_json,
)
from checker.state.drain_file import FoundDrain, read_drain, write_drain

DRAIN = Drain(at=5e8, by="anna", boot="a-b", uptime_s=7.5)


def test_a_drain_is_read_as_it_was_written_until_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "drain.json"
    assert read_drain(path) == FoundDrain()

    write_drain(path, DRAIN)
    found = read_drain(path)
    write_drain(path, None)
    write_drain(path, None)

    assert found == FoundDrain(drain=DRAIN)
    assert read_drain(path) == FoundDrain()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "x"}', drain_text(DRAIN)[:20]])
def test_a_file_that_cannot_be_read_drains_nothing_and_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "drain.json"
    path.write_text(text, encoding="ascii")

    found = read_drain(path)

    assert found.drain is None
    assert found.trouble.startswith("this gateway does not drain: ")
    with pytest.raises(DrainUnreadable):
        drain_in(text)


def test_a_directory_in_its_place_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "drain.json"
    path.mkdir()

    assert "not a regular file" in read_drain(path).trouble
    with pytest.raises(ConfigError):
        write_drain(path, None)


def test_progress_arrives_as_it_was_sent() -> None:
    leaver = Leaver(node=NodeName("office"), pid=5, moves=True, beats=True, carried=2)
    progress = DrainProgress(
        drain=DRAIN,
        moved=1,
        waiting=2,
        ended=3,
        failed=4,
        leavers=(leaver,),
        here=(NodeName("attic"), NodeName("office")),
        done=False,
    )

    for one in (progress, DrainProgress(drain=None)):
        assert progress_from(progress_json(one)) == one
    assert progress.stayed == ("attic",)
