"""The console with vim's keys, pressed in a real terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.reversi_tui.console.states import fresh_home
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

SIZE = (80, 15)


@contextmanager
def with_vim_keys(home: Path) -> Iterator[Tmux]:
    layout = fresh_home(home)
    layout.config.write_text('[console.keys]\npreset = "vim"\n')
    with tmux(home, console_words(home), size=SIZE) as pane:
        pane.shows("attic", "7 forwards", "127.0.0.1:22")
        yield pane


def is_on(pane: Tmux, node: str) -> None:
    """Wait until the line of the selected row, above the keys, names this node."""
    pane.until(lambda lines: lines[SIZE[1] - 2].startswith(f"{node} "), f"the cursor on {node}")


def test_letters_move_search_and_act_as_vim_has_them(tmp_path: Path) -> None:
    with with_vim_keys(tmp_path) as pane:
        for keys, node in (
            ("jj", "cellar"),
            ("k", "barn"),
            ("G", "garage"),
            ("gg", "attic"),
            ("gj", "barn"),
        ):
            pane.press(*keys)
            is_on(pane, node)
        pane.press("g", "g", "C-d")
        pane.until(lambda lines: not lines[SIZE[1] - 2].startswith("attic "), "half a page down")
        pane.press("C-u")
        is_on(pane, "attic")
        pane.press("J")
        pane.type("ar")
        pane.press("Enter")
        is_on(pane, "barn")
        for key, node in (
            ("n", "cellar"),
            ("n", "farm"),
            ("n", "garage"),
            ("n", "barn"),
            ("N", "garage"),
        ):
            pane.press(key)
            is_on(pane, node)
        pane.press("Z", "h")
        pane.shows("7 forwards")
        pane.press("K")
        pane.shows("nothing to kill")


def test_letters_move_on_the_other_screens_too(tmp_path: Path) -> None:
    with with_vim_keys(tmp_path) as pane:
        pane.press("?")
        pane.shows("Kill the sshd process", "K")
        pane.press("G")
        pane.shows("no daemon watched")
        pane.press("g", "g")
        pane.shows("Kill the sshd process")
        pane.press("q", "Enter")
        pane.shows("1 state", "1 of 7")
        pane.press("l")
        pane.shows("last events of attic, newest first")
        pane.press("h", "G")
        pane.shows("last 30 days")
        pane.press("g", "g", "]")
        pane.shows("2 of 7", "no answer")
        pane.press("q", "v", "g", "g")
        pane.shows("killed sshd 3999")
        pane.press("q", "#", "l", "j", "k", "q", "u", "Z")
        pane.shows("Z ungroup")
        pane.press("q", "t")
        pane.shows("Colours")
        pane.press("j", "Enter")
        pane.shows("7 forwards", "attic")
        pane.press("o")
        pane.type("target")
        pane.press("Enter")
        pane.shows("target↑")
        pane.press("A")
        pane.shows("ctrl+s")
