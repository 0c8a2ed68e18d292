"""Reading the mutes as they change and end."""

from __future__ import annotations

from pathlib import Path

from checker.model import Mute, MuteChange, NodeName, Port, Selector, Tunnel
from checker.rows.row import Row
from checker.state.mutes import change_mutes
from reversi_tui.reader.mutes import MuteReader

NOW = 2_000_000_000.0
ROW = Row(forward=None, seen=Tunnel(node=NodeName("office"), port=Port(20010)))


def test_mutes_are_read_when_they_change_and_dropped_when_they_end(tmp_path: Path) -> None:
    path = tmp_path / "mutes.json"
    reader = MuteReader(path)
    assert not reader.poll(NOW)

    selector = Selector(node=NodeName("office"))
    mute = Mute(selector=selector, until=NOW + 60, why="roof", by="ada", at=NOW)
    change_mutes(path, MuteChange(add=(mute,)))

    assert reader.poll(NOW)
    assert reader.mutes.muting(ROW) == mute
    assert not reader.poll(NOW + 59)
    assert reader.poll(NOW + 60)
    assert reader.mutes.muting(ROW) is None
    assert not reader.poll(NOW + 61)


def test_a_broken_file_mutes_nothing_until_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "mutes.json"
    path.write_text("broken")
    reader = MuteReader(path)

    assert reader.poll(NOW)
    assert reader.trouble.startswith("nothing is muted")
    path.unlink()
    assert reader.poll(NOW)
    assert reader.trouble == ""
