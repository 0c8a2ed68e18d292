"""The lock of the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.registry.lock import locked


def test_a_lock_that_is_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    layout.nodes.mkdir(parents=True)
    (layout.nodes / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="cannot be opened"), locked(layout):
        pass

    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_the_place_of_the_registry_cannot_be_locked(layout: Layout) -> None:
    layout.nodes.parent.mkdir()
    layout.nodes.write_text("a file")

    with pytest.raises(ConfigError, match="check the permissions"), locked(layout):
        pass
