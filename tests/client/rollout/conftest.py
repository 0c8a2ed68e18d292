"""Fixtures for tests of rollouts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from client.rollout import upgrade


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Find ssh in the test's directory, and do not wait between two questions."""
    monkeypatch.setattr(upgrade, "ASK_EVERY_S", 0.01)
    monkeypatch.setattr(upgrade, "LOOK_EVERY_S", 0.01)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
