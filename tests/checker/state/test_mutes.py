"""The file of the mutes."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.model import EventKind, Mute, MuteChange, NodeName, Port, Selector
from checker.model.mute import MOST_BYTES
from checker.state import mutes
from checker.state.mutes import (
    FoundMutes,
    TooManyMutes,
    change_mutes,
    mute_events,
    read_mutes,
    rename_muted,
)
from tests.strategies import NOW

OFFICE = Mute(
    selector=Selector(node=NodeName("office")),
    until=time.time() + 86400,
    why="roof",
    by="ada",
    at=NOW,
)
MUTED = MuteChange(add=(OFFICE,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mutes.json"


def test_without_a_file_nothing_is_muted(path: Path) -> None:
    assert read_mutes(path) == FoundMutes()


def test_what_is_changed_is_read_by_everyone(path: Path) -> None:
    change_mutes(path, MUTED)

    assert read_mutes(path).mutes == (OFFICE,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_change_without_effect_writes_nothing(path: Path) -> None:
    change_mutes(path, MuteChange())

    assert not path.exists()


def test_a_broken_file_mutes_nothing_and_says_so(path: Path) -> None:
    path.write_text('{"mutes": [{"node": "office"}]}')

    found = read_mutes(path)

    assert found.mutes == ()
    assert found.trouble.startswith(f"nothing is muted: {path}: it is not a list of mutes")


@pytest.mark.parametrize("kind", ["pipe", "folder", "large", "no text"])
def test_a_file_that_is_not_ours_mutes_nothing(path: Path, kind: str) -> None:
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

    sentence = change_mutes(path, MUTED)

    (aside,) = path.parent.glob("mutes.json.damaged-*")
    assert aside.read_text() == "broken"
    assert str(aside) in sentence
    assert read_mutes(path) == FoundMutes(mutes=(OFFICE,))


def test_the_file_does_not_grow_without_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutes, "MOST_BYTES", 100)

    with pytest.raises(TooManyMutes, match="mute with --filter"):
        change_mutes(path, MUTED)

    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_root_makes_belongs_to_the_daemons_account(path: Path) -> None:
    os.chown(path.parent, 65534, 65534)

    change_mutes(path, MUTED)

    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_no_other_account_can_hold_the_lock_of_the_mutes(path: Path) -> None:
    change_mutes(path, MUTED)
    path.parent.chmod(0o755)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # all that an account that may only read can lock
        changing = threading.Thread(
            target=change_mutes,
            args=(path, MuteChange(remove=(OFFICE.selector,))),
            daemon=True,
        )
        changing.start()
        changing.join(150)
        assert not changing.is_alive()
    finally:
        os.close(folder)

    open_to_others = [
        name for name in path.parent.iterdir() if name != path and name.stat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_a_directory_that_cannot_be_made_is_one_sentence(path: Path) -> None:
    path.parent.joinpath("file").touch()

    with pytest.raises(ConfigError, match="cannot be made"):
        change_mutes(path.parent / "file" / "mutes.json", MUTED)


def test_the_mutes_of_a_node_follow_it_to_its_new_name(path: Path) -> None:
    port = replace(OFFICE, selector=replace(OFFICE.selector, port=Port(20010)))
    barn = replace(OFFICE, selector=Selector(node=NodeName("barn")))
    change_mutes(path, MuteChange(add=(OFFICE, port, barn)))

    assert rename_muted(path, NodeName("office"), NodeName("shop")) == ""

    names = [str(mute.selector) for mute in read_mutes(path).mutes]
    assert names == ["barn", "shop", "shop:20010"]
    assert rename_muted(path, NodeName("attic"), NodeName("loft")) == ""


def test_a_mute_that_cannot_follow_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change_mutes(path, MUTED)
    monkeypatch.setattr(mutes, "MOST_BYTES", path.stat().st_size + 5)

    sentence = rename_muted(path, NodeName("office"), NodeName("a-much-longer-name"))

    assert sentence.startswith("node a-much-longer-name is no longer muted: the mutes would take")


def test_each_mute_is_an_event_that_says_until_when_and_why() -> None:
    by_filter = replace(OFFICE, selector=Selector(filter_text="tag:x"))
    change = MuteChange(add=(OFFICE, by_filter), remove=(OFFICE.selector,))

    first, second, third = mute_events(change, "ada", NOW)

    assert (first.kind, first.node, first.actor) == (EventKind.MUTE, "office", "ada")
    assert re.fullmatch(r"muted until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: roof", first.text)
    assert second.node is None
    assert second.text == f"filter 'tag:x' {first.text}"
    assert (third.kind, third.text) == (EventKind.UNMUTE, "no longer muted")
