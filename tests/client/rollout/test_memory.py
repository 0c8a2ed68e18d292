"""What a rollout remembers for the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import SYSTEM, home_layout
from client.rollout.memory import Memory, memory_path


def test_a_noted_bundle_is_known_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rollout.json"

    assert Memory(path).note("office", "abc") == ""

    assert Memory(path).has("office", "abc")
    assert not Memory(path).has("office", "another")
    assert not Memory(path).has("roof", "abc")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"bundles": 3}'])
def test_a_damaged_file_means_that_nothing_is_known(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rollout.json"
    path.write_text(content)

    assert not Memory(path).has("office", "abc")
    assert Memory(path).note("office", "abc") == ""
    assert Memory(path).has("office", "abc")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert "file" in Memory(tmp_path / "file" / "rollout.json").note("office", "abc")


def test_the_file_is_the_admins_own_or_in_the_gateways_home(tmp_path: Path) -> None:
    assert memory_path(home_layout(tmp_path), {}) == tmp_path / "rollout.json"
    assert memory_path(SYSTEM, {"HOME": "/root"}) == Path("/root/.local/state/reversi/rollout.json")
    assert memory_path(SYSTEM, {"XDG_STATE_HOME": "/s"}) == Path("/s/reversi/rollout.json")
