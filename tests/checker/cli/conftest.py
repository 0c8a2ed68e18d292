"""Homes with and without nodes, and commands that run on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.model import Port
from checker.registry.changes import add
from checker.registry.lock import locked
from tests.checker.cli.homes import COMMAND, Run
from tests.strategies import free_port, node


def runner(home: Path | None, capsys: pytest.CaptureFixture[str], *verbs: str) -> Run:
    """What runs commands that begin with these verbs on a home."""

    def one(*words: str) -> tuple[int, str, str]:
        try:
            status = int(run(["--home", str(home), *verbs, *words]))
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else 1
        said = capsys.readouterr()
        return status, said.out, said.err

    return one


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home that nobody has made yet."""
    return home_layout(tmp_path / "home")


@pytest.fixture
def checker(layout: Layout, capsys: pytest.CaptureFixture[str]) -> Run:
    """One command on that home."""
    return runner(layout.home, capsys)


@pytest.fixture
def office(layout: Layout) -> Layout:
    """A home with the node `office` on port 20010: for what only reads and refuses."""
    with locked(layout):
        add(layout, node(), COMMAND)
    return layout


@pytest.fixture
def own(layout: Layout) -> Port:
    """A home with the node `office` on a port that nobody else uses: for what acts."""
    port = free_port()
    with locked(layout):
        add(layout, node(ports=(port,)), COMMAND)
    return port


@pytest.fixture
def home(layout: Layout) -> Layout:
    """A home with the node `office` and two forwards on free ports: for what changes nodes."""
    with locked(layout):
        add(layout, node(ports=(free_port(), free_port())), COMMAND)
    return layout


@pytest.fixture
def edit(
    home: Layout,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """One `node` command on that home, run in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return runner(home.home, capsys, "node")
