"""The window's title and the bell, on a real pseudo-terminal."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Status
from checker.state.rows import Batch
from reversi_tui.terminal.driver import KEEP_TITLE, OLD_TITLE
from tests.registry_samples import register
from tests.reversi_tui.console.pty_console import Terminal, terminal
from tests.reversi_tui.console.states import forward, sweep, tunnel, write

SEQUENCES = re.compile(rb"\x1b\][^\x07]*\x07")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Two nodes that are up, and one that is down already."""
    made = home_layout(tmp_path)
    register(made, [forward(name, 20010 + n) for n, name in enumerate(("attic", "barn", "cellar"))])
    see(made, attic=Status.UP, barn=Status.UP, cellar=Status.DOWN)
    return made


def see(layout: Layout, **statuses: Status) -> None:
    now = time.time()
    ports = {"attic": 20010, "barn": 20011, "cellar": 20012}
    seen = [
        replace(tunnel(name, ports[name], status), probed_at=now)
        for name, status in statuses.items()
    ]
    write(layout, Batch(tunnels=seen, sweep=sweep(now)))


def rings(console: Terminal) -> int:
    """How often the bell rang, without the BEL that ends a sequence."""
    return SEQUENCES.sub(b"", console.written).count(b"\x07")


def test_a_new_fault_is_in_the_title_and_rings_the_bell_once_for_several(layout: Layout) -> None:
    layout.config.write_text("[console]\nbell = true\n")

    with terminal(layout.state.parent) as console:
        console.until(b"\x1b]2;1 fault - reversi ")
        assert console.written.count(KEEP_TITLE.encode()) == 1
        see(layout, attic=Status.HUNG)
        console.until(b"\x1b]2;2 faults - reversi ")
        see(layout, barn=Status.DOWN)
        console.until(b"\x1b]2;3 faults - reversi ")
        assert rings(console) == 1
        see(layout, attic=Status.UP, barn=Status.UP, cellar=Status.UP)
        console.until(b"\x1b]2;reversi ")
        console.press(b"q")
        assert console.ended() == 0
        console.take(0.2)

    assert console.written.count(f"\x1b]2;\x07{OLD_TITLE}".encode()) == 1
    assert rings(console) == 1


def test_without_the_setting_no_bell_rings(layout: Layout) -> None:
    with terminal(layout.state.parent) as console:
        console.until(b"\x1b]2;1 fault - reversi ")
        see(layout, attic=Status.HUNG)
        console.until(b"\x1b]2;2 faults - reversi ")

        assert rings(console) == 0


@pytest.mark.parametrize(("setting", "term"), [("false", "xterm-256color"), ("true", "linux")])
def test_a_terminal_without_titles_and_an_operator_who_wants_none_get_none(
    layout: Layout, setting: str, term: str
) -> None:
    layout.config.write_text(f"[console]\ntitle = {setting}\n")

    with terminal(layout.state.parent, environ={"TERM": term}) as console:
        console.until(b"cellar")
        see(layout, attic=Status.HUNG)
        console.until(b"hung")
        console.press(b"q")
        assert console.ended() == 0

    assert b"\x1b]2;" not in console.written
    assert OLD_TITLE.encode() not in console.written
