"""Fixtures for tests of bundles under real shells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bundles import Box, applets
from tests.system.shell.stand_ins import programs


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return applets(tmp_path_factory.mktemp("busybox") / "bin")


@pytest.fixture
def box(request: pytest.FixtureRequest, tmp_path: Path, busybox: Path) -> Iterator[Box]:
    """A device of no particular platform, with no programs but busybox's applets and stand-ins."""
    folder = tmp_path / "a box"
    made = Box(folder, getattr(request, "param", ("dash",)), path=[folder / "programs", busybox])
    programs(folder / "programs")
    yield made
    made.close()
