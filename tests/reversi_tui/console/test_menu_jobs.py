"""Jobs with the menus, by real keys in a real terminal, and how many keys each takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.model import NodeName
from checker.registry.reading import read_registry
from tests.host_keys import put_host_keys
from tests.reversi_tui.console.hands import MOST_KEYS, Hands
from tests.reversi_tui.console.states import demo_home
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tmux")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    made = demo_home(tmp_path_factory.mktemp("gateway"))
    made.config.write_text('gateway = ["gw.example.org:22"]\n')
    put_host_keys(made)
    return made


@pytest.fixture(scope="module")
def terminal(layout: Layout, folder: Path) -> Iterator[Tmux]:
    assert layout.home is not None
    with tmux(folder, console_words(layout.home), size=(80, 24)) as opened:
        opened.tell("set", "-s", "set-clipboard", "on")
        yield opened


@pytest.fixture
def hands(terminal: Tmux) -> Iterator[Hands]:
    """The table; what a job filtered is shown again."""
    terminal.shows("garage", "192.168.7.20:443", "? help")
    hands = Hands(terminal)
    yield hands
    assert hands.count <= MOST_KEYS
    terminal.press("Escape")  # the message
    terminal.press("Escape")  # the filter


def test_copy_a_command(hands: Hands) -> None:
    hands.press("/")
    hands.type("node:barn")
    hands.press("Enter", "y")
    hands.terminal.shows("Reach barn port 20011", "ssh -J gw.example.org")
    hands.press("Enter")
    hands.terminal.shows("sent to the terminal's clipboard")

    assert hands.count == 5
    copied = hands.terminal.tell("show-buffer")
    assert copied.startswith("ssh -p 20011 -o HostName=127.0.0.1 -o HostKeyAlias=barn ")


def test_disable_a_stolen_device(hands: Hands, layout: Layout) -> None:
    hands.press("/")
    hands.type("node:cellar")
    hands.press("Enter", "d")
    hands.terminal.shows("Disable this node?", "w, then type")
    hands.press("w")
    hands.type("stolen at the fair")
    hands.press("Enter", "y")
    hands.terminal.shows("disabled: stolen at the fair")

    assert hands.count == 8
    assert not read_registry(layout.nodes).node(NodeName("cellar")).enabled
    hands.terminal.shows("cellar", "disabled", "stolen at the fair")


def test_add_a_node_and_build_its_bundle(hands: Hands, layout: Layout, tmp_path: Path) -> None:
    bundle = tmp_path / "shed.sh"
    hands.press("n")
    hands.terminal.shows("New node")
    hands.type("shed")
    hands.press("Tab")
    hands.type("127.0.0.1:22,banner:SSH-2.0")
    hands.press("Tab")
    hands.type(str(bundle))
    hands.press("C-s")
    hands.terminal.shows("shed: added; port ")

    assert hands.count == 7
    assert NodeName("shed") in read_registry(layout.nodes).nodes
    assert bundle.read_text().startswith("#!/bin/sh")
