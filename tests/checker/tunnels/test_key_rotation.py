"""Notes for root about old keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.config.toml_file import ConfigError
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.tunnels import key_rotation
from tests.strategies import OFFICE, node, public_key


def test_a_key_that_was_used_is_noted_and_settled_without_following_links(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "home")
    before = replace(node(), next_key=public_key(2))
    with locked(layout):
        add(layout, before, gate_command(layout))
    key_rotation.note(layout, before.name)
    (key_rotation.notes(layout) / "nobody").touch()
    (key_rotation.notes(layout) / "..x").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.partition(":")[0] for trouble in troubles] == ["..x", "nobody"]
    assert read_registry(layout.nodes).node(before.name) == node(number=2)
    assert list(key_rotation.notes(layout).iterdir()) == []
    key_rotation.notes(layout).rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "office").touch()
    key_rotation.notes(layout).symlink_to(tmp_path / "elsewhere")
    assert key_rotation.settle(layout) == ()
    assert (tmp_path / "elsewhere" / "office").exists()


def test_a_note_that_cannot_be_left_is_an_error(tmp_path: Path) -> None:
    layout = home_layout(tmp_path / "none" / "home")

    with pytest.raises(ConfigError, match="run: sudo reversi-checker init"):
        key_rotation.note(layout, OFFICE)
