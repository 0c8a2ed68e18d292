"""A home that tests of the registry share."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path / "home")
