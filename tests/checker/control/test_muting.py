"""Changing mutes through a daemon, beside an older one, and without one."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.control import muting
from checker.control.client import NotAllowed, operator_name
from checker.control.muting import OldDaemon, change_mutes_through, parts
from checker.model import EventKind, Mute, MuteChange, NodeName, Port, Selector
from checker.model.mute import change_json
from checker.state.mutes import read_mutes
from checker.state.store import open_reader
from tests.checker.control.test_client import answering


def mute(number: int = 0, why: str = "roof") -> Mute:
    now = float(int(time.time()))
    return Mute(
        selector=Selector(node=NodeName(f"node{number}"), port=Port(20010)),
        until=now + 600,
        why=why,
        by="ada",
        at=now,
    )


def test_without_a_daemon_the_file_and_the_log_have_it(tmp_path: Path) -> None:
    layout, one = home_layout(tmp_path / "home"), mute()

    assert change_mutes_through(layout, MuteChange(add=(one,))) == ""

    assert read_mutes(layout.mutes).mutes == (one,)
    with closing(open_reader(layout.state)) as state:
        (event,) = state.events()
    assert (event.kind, event.node, event.port, event.actor) == (
        EventKind.MUTE,
        "node0",
        20010,
        operator_name(),
    )


def test_a_daemon_that_knows_mutes_writes_them(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    daemon = answering(layout, b'{"schema": 1, "note": "a word"}')

    assert change_mutes_through(layout, MuteChange(add=(mute(),))) == "a word"

    daemon.join()
    assert not layout.mutes.exists()


OLD = json.dumps({"schema": 1, "error": "a malformed request: KeyError('aims')"}).encode()


def test_beside_an_older_daemon_the_file_is_written_here(tmp_path: Path) -> None:
    layout, one = home_layout(tmp_path / "home"), mute()
    daemon = answering(layout, OLD)

    change_mutes_through(layout, MuteChange(add=(one,)))

    daemon.join()
    assert read_mutes(layout.mutes).mutes == (one,)


def test_an_operator_beside_an_older_daemon_learns_to_restart_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = home_layout(tmp_path / "home")
    daemon = answering(layout, OLD)
    monkeypatch.setattr(os, "access", lambda *_, **__: False)

    with pytest.raises(OldDaemon, match="is older than this command; restart it"):
        change_mutes_through(layout, MuteChange(add=(mute(),)))

    daemon.join()


def test_what_the_daemon_refuses_is_refused(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    daemon = answering(layout, b'{"schema": 1, "error": "only root may mute here: use sudo"}')

    with pytest.raises(NotAllowed, match="only root may mute here"):
        change_mutes_through(layout, MuteChange(add=(mute(),)))

    daemon.join()
    assert not layout.mutes.exists()


def test_a_read_only_console_changes_no_mute(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="read-only"):
        change_mutes_through(home_layout(tmp_path), MuteChange(add=(mute(),)), read_only=True)


@pytest.mark.parametrize("why", ["roof", "\N{ROLLING ON THE FLOOR LAUGHING}" * 200])
def test_many_mutes_go_in_messages_that_the_daemon_reads(why: str) -> None:
    change = MuteChange(
        add=tuple(mute(number, why) for number in range(700)),
        remove=tuple(mute(number).selector for number in range(700)),
    )

    sent = list(parts(change))

    assert tuple(one for part in sent for one in part.add) == change.add
    assert tuple(one for part in sent for one in part.remove) == change.remove
    assert all(len(json.dumps(change_json(part))) < muting.AT_ONCE_BYTES + 4000 for part in sent)
