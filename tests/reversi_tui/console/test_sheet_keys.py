"""The sheet and the selected row's line in a real terminal, with real keys."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from checker.state.rows import Batch
from tests.reversi_tui.console.pty_console import Terminal, terminal
from tests.reversi_tui.console.states import SEEN, demo_home, sweep, write
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

MOVE_BYTES = 600
QUIET_S, WATCHED_S, TIMES = 0.5, 2.0, 5
"""Time and the machine's load may repaint the header: a few moves and times are watched."""


def fresh_home(home: Path) -> None:
    """The rows were probed just now."""
    now = time.time()
    seen = tuple(replace(each, since=now - 7200, probed_at=now) for each in SEEN)
    write(demo_home(home), Batch(tunnels=seen, sweep=replace(sweep(now), every_s=3600)))


def shows(pane: Tmux, *words: str) -> list[str]:
    return pane.until(lambda lines: all(word in "\n".join(lines) for word in words), str(words))


def test_a_sheet_is_walked_turned_and_worked_with(tmp_path: Path) -> None:
    home = tmp_path / "gateway"
    fresh_home(home)

    with tmux(tmp_path, console_words(home), size=(80, 24)) as pane:
        shows(pane, "garage", "attic      20010  127.0.0.1:22")
        pane.press("Space", "Enter")
        shows(pane, "barn port 20011  2 of 7", "no answer within 5 s", "killed sshd 3999")
        pane.press("4")
        shows(pane, 'target = "127.0.0.1:22"')
        pane.press("]")
        shows(pane, "cellar port 20012  3 of 7", "port = 20012")
        pane.press("k")
        shows(pane, "no sshd process is known to hold the port")
        pane.press("[", "k")
        shows(pane, "Kill this forward?", "The marked row is left alone")
        pane.press("n")
        shows(pane, "barn port 20011: kill cancelled")
        pane.press("Escape")
        lines = shows(pane, "esc unmark  r reset  k kill", "1 marked")
        assert lines[-2].startswith("barn       20011  127.0.0.1:22")


def test_the_pane_follows_the_cursor(tmp_path: Path) -> None:
    home = tmp_path / "gateway"
    fresh_home(home)

    with tmux(tmp_path, console_words(home), size=(160, 40)) as pane:
        shows(pane, "garage")
        pane.press("Down", "\\")
        shows(pane, "│ barn port 20011", "killed sshd 3999")
        pane.press("Down")
        shows(pane, "│ cellar port 20012")
        pane.resize(100, 30)
        pane.until(lambda lines: "│ cellar port" not in "\n".join(lines), "no pane")


def test_a_move_of_the_cursor_writes_little_and_nothing_else_writes_at_all(
    tmp_path: Path,
) -> None:
    home = tmp_path / "gateway"
    fresh_home(home)

    with terminal(home, "--no-remember", size=(120, 40)) as opened:
        opened.until(b"7 forwards")
        opened.until(b"no answer")
        moved = [cost_of_a_move(opened, node) for node in (b"barn", b"cellar", b"dock")]
        opened.press(b"\r")
        opened.until(b"4 of 7")
        opened.settle(QUIET_S)
        assert any(opened.written_within(WATCHED_S) == b"" for _ in range(TIMES))

    assert min(moved) <= MOVE_BYTES


def cost_of_a_move(opened: Terminal, node: bytes) -> int:
    """The bytes that it takes to move the cursor down to this node."""
    opened.settle(QUIET_S)
    before = len(opened.written)
    opened.press(b"\x1b[B")
    opened.until(node, after=before)
    opened.settle(QUIET_S)
    return len(opened.written) - before
