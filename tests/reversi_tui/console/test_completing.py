"""Completing a filter with tab and the right arrow, in a real terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reversi_tui.console.states import fresh_home
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

PLAIN = "rows with a word; or column:word"


def bar(pane: Tmux, text: str) -> None:
    """Wait until the bar has just this text."""
    pane.until(lambda lines: text in map(str.strip, lines), f"{text!r} in the bar")


def gone(pane: Tmux, words: str) -> None:
    pane.until(lambda lines: words not in "\n".join(lines), f"{words!r} is gone")


def shown(names: set[str]) -> Callable[[list[str]], bool]:
    """Whether the table has just these nodes."""
    every = {"attic", "barn", "cellar", "dock", "east-gate", "farm", "garage"}
    return lambda lines: (
        {name for name in every if any(line.startswith(f"  {name} ") for line in lines)} == names
    )


@pytest.mark.parametrize("size", [(80, 24), (60, 15)], ids=lambda size: "x".join(map(str, size)))
def test_tab_completes_columns_and_values_and_a_line_explains_them(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    fresh_home(tmp_path)

    with tmux(tmp_path, console_words(tmp_path), size=size) as pane:
        pane.shows("attic", "7 forwards", "garage")
        pane.press("/")
        pane.shows(PLAIN)
        pane.type("sta")
        pane.shows('rows with "sta" in any column, tag or note')
        pane.press("Tab")
        bar(pane, "status:")
        pane.type("h")
        pane.shows('rows whose status contains "h"')
        pane.press("Tab")
        bar(pane, "status:hung")
        pane.until(shown({"barn"}), "the hung one")
        pane.press("Enter")
        gone(pane, "rows whose status")
        pane.press("Escape")
        pane.until(lambda lines: not shown({"barn"})(lines), "all rows")
        pane.press("/")
        pane.type("nod")
        pane.press("Right", "Right")
        bar(pane, "node:attic")
        pane.shows("tab attic barn cellar")
        for key, node in (("Tab", "barn"), ("Tab", "cellar"), ("BTab", "barn")):
            pane.press(key)
            bar(pane, f"node:{node}")
        pane.type("!")
        pane.press("Home", "Right", "Right")
        pane.type("x")
        bar(pane, "noxde:barn!")
        pane.press("Escape")
        gone(pane, "noxde")
        pane.press("/")
        pane.type("zzz")
        pane.press("Tab")
        pane.shows("nothing matches the filter")
        gone(pane, "rows with")


def test_the_event_log_and_the_uptime_complete_too(tmp_path: Path) -> None:
    fresh_home(tmp_path)

    with tmux(tmp_path, console_words(tmp_path), size=(80, 24)) as pane:
        pane.shows("attic", "7 forwards", "127.0.0.1:22")
        pane.press("v")
        pane.shows("killed sshd 3999")
        pane.press("/")
        pane.type("ki")
        pane.shows("tab kind: kills:")
        pane.press("Tab")
        pane.type("ki")
        pane.shows('events whose kind contains "ki"', "tab kill kill-failed")
        pane.press("Tab")
        bar(pane, "kind:kill")
        pane.until(lambda lines: "up -> hung" not in "\n".join(lines), "only kills")
        pane.press("Enter", "q", "u")
        pane.shows("Uptime")
        pane.press("/")
        pane.type("is:disab")
        pane.press("Tab")
        pane.shows("is:disabled", "rows of nodes that somebody disabled")


def test_a_very_small_terminal_keeps_its_rows(tmp_path: Path) -> None:
    fresh_home(tmp_path)

    with tmux(tmp_path, console_words(tmp_path), size=(60, 10)) as pane:
        pane.shows("attic", "7 forwards")
        pane.press("/")
        pane.type("sta")
        pane.press("Tab")
        bar(pane, "status:")
        assert "the status after" not in pane.text()
