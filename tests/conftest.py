"""What every test gets: a home of its own, no configuration of the machine's, and blocked calls found out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME and the XDG directories in a new place; nothing of the machine's environment."""
    home = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "REVERSI_HOME", "NOTIFY_SOCKET", "SSH_ORIGINAL_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def port_numbers() -> Iterator[int]:
    """Gateway ports that differ within a test."""
    return iter(range(20010, 29999))
