"""The list of what `init` made."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.toml_file import ConfigError
from checker.install.manifest import load_manifest


def test_the_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_manifest(tmp_path / "none").is_empty
    (tmp_path / "bad").write_text("[]")
    with pytest.raises(ConfigError, match="was changed since init wrote it"):
        load_manifest(tmp_path / "bad")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_manifest(tmp_path)
