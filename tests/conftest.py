"""Give every test its own home and environment; let a test ask for a failure on a blocked loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.wheels import build_wheel, copy_tree

# A loaded machine is slow; properties are about values only. Those that guard kills and rights say
# themselves that they take more examples.
settings.register_profile("unhurried", parent=settings(), deadline=None, max_examples=50)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put HOME and the XDG directories in a new place; drop the settings of the environment."""
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
    """Fail the test if the product blocks its event loop."""
    with blockbuster_ctx(scanned_modules=["checker", "client"]):
        yield


@pytest.fixture(scope="session")
def built_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built where an older build left a file."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = copy_tree(folder / "tree")
    left = tree / "build" / "lib" / "checker" / "of_a_newer_release.py"
    left.parent.mkdir(parents=True)
    left.touch()
    return build_wheel(folder, tree)
