"""What every test gets: a home of its own, and no configuration of the machine's; and what it may
ask for: no blocked loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

# Properties are about values, not about the speed of a loaded machine.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME and the XDG directories in a new place; nothing of the machine's environment."""
    home = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("HOME", str(home))
    for name in (
        "XDG_CONFIG_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
        "REVERSI_HOME",
        "NOTIFY_SOCKET",
        "SSH_ORIGINAL_COMMAND",
    ):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def no_blocked_loop() -> Iterator[None]:
    """A call of the product's that blocks its event loop fails the test."""
    with blockbuster_ctx(scanned_modules=["checker", "client"]):
        yield
