"""Give every test its own home and environment; let a test ask for a failure on a blocked loop."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.wheels import build_wheel, copy_tree

# A loaded machine is slow; properties are about values only. Those that guard kills and rights say
# themselves that they take more examples.
settings.register_profile("unhurried", parent=settings(), deadline=None, max_examples=50)
settings.load_profile("unhurried")
NUMBERS = count()


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through what was imported, five times at the end alone."""
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage of what runs the same lines thousands of times: properties, and what is
    marked `unmeasured`. To trace them costs as much as they do, and other tests run these lines.
    """
    coverage = sys.modules.get("coverage")
    measuring = coverage.Coverage.current() if coverage else None
    if measuring is None or not any(map(item.get_closest_marker, ("hypothesis", "unmeasured"))):
        yield
        return
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new directory, as pytest's own fixture makes it. That one looks for a free number among all
    directories: with thousands of tests it costs more than they do.
    """
    name = re.sub(r"\W", "_", request.node.name)[:26]
    return tmp_path_factory.mktemp(f"{name}{next(NUMBERS)}", numbered=False)


@pytest.fixture(autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put HOME and the XDG directories in a new place; drop the settings of the environment.

    Without LANGUAGE, argparse looks for the translation of each word of its grammar again and
    again, which doubles what a parser costs.
    """
    home = tmp_path_factory.mktemp(f"user-{next(NUMBERS)}", numbered=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LANGUAGE", "C")
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
