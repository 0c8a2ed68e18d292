"""A home, and a daemon that serves it, for the tests of this package."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.config.files import replace_text
from checker.config.layout import Layout, home_layout
from checker.config.settings import Config, current_user
from checker.daemon.startup import (
    prepare_folders,
)
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import (
    Port,
)
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.nodes import Registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from tests.checker.daemon.running import COMMAND, WITHIN_S, Served, start
from tests.strategies import OFFICE, free_port, node


def made_home(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = home_layout(tmp_path_factory.mktemp("h"))
    prepare_folders(made, os.geteuid())
    return made


@contextmanager
def serving(layout: Layout, port: Port) -> Iterator[subprocess.Popen[str]]:
    """A daemon that serves the home, with the node `office` that never connects, though a
    connection of it reads the verdict that an earlier daemon wrote.
    """
    with locked(layout):
        add(layout, node(ports=(port,)), COMMAND)
    replace_text(layout.run / OFFICE, "7\n")
    with start(layout) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready: ")
        yield process
        process.terminate()
        process.communicate(timeout=WITHIN_S)


@pytest.fixture
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    return made_home(tmp_path_factory)


@pytest.fixture
def own() -> Port:
    """The port of `office`: the daemon acts for real, so nobody else may have it."""
    return free_port()


@pytest.fixture
def daemon(layout: Layout, own: Port) -> Iterator[subprocess.Popen[str]]:
    with serving(layout, own) as process:
        yield process


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon for tests that only send it messages, and change nothing."""
    layout, port = made_home(tmp_path_factory), free_port()
    with serving(layout, port) as process:
        yield Served(layout=layout, port=port, process=process)


@pytest.fixture
def sweeper(tmp_path: Path) -> Sweeper:
    layout = home_layout(tmp_path)
    config = Config(tunnel_user=current_user())
    registry = Registry(nodes=MappingProxyType({OFFICE: node(ports=(20010,))}))
    gateway = Gateway(layout, config, Ledger(layout, None), registry)
    return Sweeper(gateway, Verdicts(gateway))
