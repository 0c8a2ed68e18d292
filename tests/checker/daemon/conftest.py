"""A home, and a daemon that serves it, for the tests of this package."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from checker.config.layout import Layout, home_layout
from checker.daemon.startup import (
    prepare_folders,
)
from checker.model import (
    Port,
)
from checker.registry.changes import add
from checker.registry.lock import locked
from tests.checker.daemon.running import COMMAND, WITHIN_S, start
from tests.strategies import free_port, node


@pytest.fixture
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = home_layout(tmp_path_factory.mktemp("h"))
    prepare_folders(made, os.geteuid())
    return made


@pytest.fixture
def own() -> Port:
    """The port of `office`: the daemon acts for real, so nobody else may have it."""
    return free_port()


@pytest.fixture
def daemon(layout: Layout, own: Port) -> Iterator[subprocess.Popen[str]]:
    """A daemon that serves the home, with the node `office` that never connects."""
    with locked(layout):
        add(layout, node(ports=(own,)), COMMAND)
    with start(layout) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")
        yield process
        process.terminate()
        process.communicate(timeout=WITHIN_S)
