"""The file of the mutes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.model import Mute, NodeName, Selector
from checker.model.mute import MOST_BYTES
from checker.state import mutes
from checker.state.mutes import FoundMutes, TooManyMutes, change_mutes, read_mutes
from tests.strategies import NOW

OFFICE = Mute(
    selector=Selector(node=NodeName("office")), until=NOW + 60, why="roof", by="ada", at=NOW
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mutes.json"


def test_without_a_file_nothing_is_muted(path: Path) -> None:
    assert read_mutes(path) == FoundMutes()


def test_what_is_changed_is_read_by_everyone(path: Path) -> None:
    change_mutes(path, lambda before: (*before, OFFICE))

    assert read_mutes(path).mutes == (OFFICE,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_change_without_effect_writes_nothing(path: Path) -> None:
    change_mutes(path, lambda before: before)

    assert not path.exists()


def test_a_broken_file_mutes_nothing_and_says_so(path: Path) -> None:
    path.write_text('{"mutes": [{"node": "office"}]}')

    found = read_mutes(path)

    assert found.mutes == ()
    assert found.trouble.startswith(f"nothing is muted: {path}: it is not a list of mutes")


@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "no text"])
def test_what_is_no_file_of_ours_mutes_nothing(path: Path, kind: str) -> None:
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "large":
            os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), MOST_BYTES + 1)
        case _:
            path.write_bytes(b"\xff\xff")

    assert read_mutes(path).mutes == ()
    assert read_mutes(path).trouble.startswith("nothing is muted: ")


def test_a_broken_file_is_kept_under_another_name(path: Path) -> None:
    path.write_text("broken")

    sentence = change_mutes(path, lambda before: (*before, OFFICE))

    (aside,) = path.parent.glob("mutes.json.damaged-*")
    assert aside.read_text() == "broken"
    assert str(aside) in sentence
    assert read_mutes(path) == FoundMutes(mutes=(OFFICE,))


def test_the_file_does_not_grow_without_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutes, "MOST_BYTES", 100)

    with pytest.raises(TooManyMutes, match="mute with --filter"):
        change_mutes(path, lambda _: (OFFICE,) * 2)

    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_root_makes_belongs_to_the_daemons_account(path: Path) -> None:
    os.chown(path.parent, 65534, 65534)

    change_mutes(path, lambda _: (OFFICE,))

    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_directory_that_cannot_be_made_is_one_sentence(path: Path) -> None:
    path.parent.joinpath("file").touch()

    with pytest.raises(ConfigError, match="cannot be used"):
        change_mutes(path.parent / "file" / "mutes.json", lambda _: (OFFICE,))
