"""The console in different terminals: many colours, eight, none; tmux and screen."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.programs import require
from tests.reversi_tui.console.emulator import ON_AT_FIRST, Emulator, keys_pushed, modes, renditions
from tests.reversi_tui.console.pty_console import (
    WITHIN_S,
    Terminal,
    on_terminal,
    own_environment,
    terminal,
)
from tests.reversi_tui.console.states import SEEN, fresh_home
from tests.reversi_tui.console.tmux import LEFT, SWITCHES, Tmux, console_words, tmux

STYLES = {b"0", b"1", b"2", b"4", b"7", b"22", b"24", b"27", b"39", b"49"}
"""Off, bold, dim, underlined, reverse, their ends, and the terminal's own colours."""
EIGHT = STYLES | {b"%d" % code for code in (*range(30, 38), *range(40, 48))}
MANY = STYLES | {b"38;5", b"48;5"}
TRUE = STYLES | {b"38;2", b"48;2"}
ANSI_WORDS = ("● up", "✖ hung", "○ down", "⊘ refused", "≠ wrong", "⚑ foreign", "? unknown")
ASCII_WORDS = ("o up", "! hung", "- down", "/ refused", "~ wrong", "x foreign", "? unknown")
SMALL = (60, 15)


LOOKED_AT = (
    (b"", "garage"),
    (b"k", "Cancel ("),
    (b"\x1b", "kill cancelled"),
    (b"?", "Kill the sshd"),
    (b"\x1b", "garage"),
    (b" ", "1 marked"),
)
"""Keys, and what they bring to the screen."""


def look_around(console: Terminal) -> list[str]:
    """Open and close most of what there is; the screen afterwards."""
    emulator = Emulator()
    for keys, words in LOOKED_AT:
        console.press(keys)
        deadline = time.monotonic() + WITHIN_S
        while words not in "\n".join(lines := emulator.lines(console.written)):
            assert time.monotonic() < deadline, "\n".join([words, *lines])
            console.take(0.1)
    console.settle(0.3)
    return emulator.lines(console.written)


@pytest.mark.parametrize(
    ("environ", "theme", "words", "asked"),
    [
        pytest.param({"TERM": "xterm"}, "terminal", ANSI_WORDS, EIGHT, id="eight colours"),
        pytest.param(
            {"TERM": "xterm"}, "light", ANSI_WORDS, EIGHT, id="eight colours, light theme"
        ),
        pytest.param(
            {"TERM": "linux", "COLORTERM": "truecolor"},
            "dark",
            ASCII_WORDS,
            EIGHT,
            id="Linux console",
        ),
        pytest.param(
            {"TERM": "xterm-256color"}, "light", ANSI_WORDS, MANY, id="256 colours, light theme"
        ),
        pytest.param(
            {"TERM": "xterm-256color", "COLORTERM": "truecolor"},
            "light",
            ANSI_WORDS,
            TRUE,
            id="truecolor, light theme",
        ),
        pytest.param(
            {"TERM": "xterm-256color", "NO_COLOR": "1"},
            "terminal",
            ANSI_WORDS,
            STYLES,
            id="no colour",
        ),
        pytest.param(
            {"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"},
            "dark",
            ANSI_WORDS,
            STYLES,
            id="no colour, dark theme",
        ),
        pytest.param({"TERM": "vt100"}, "terminal", ASCII_WORDS, STYLES, id="vt100"),
        pytest.param({"TERM": "xterm", "LC_ALL": "C"}, "mono", ASCII_WORDS, STYLES, id="no UTF-8"),
    ],
)
def test_a_terminal_is_asked_for_what_it_has_and_left_as_it_was(
    tmp_path: Path, environ: dict[str, str], theme: str, words: tuple[str, ...], asked: set[bytes]
) -> None:
    fresh_home(tmp_path)

    with terminal(tmp_path, "--no-remember", "--theme", theme, environ=environ) as console:
        lines = look_around(console)
        console.press(b"q")
        assert console.ended() == 0
        console.settle(0.1)

    for seen, word in zip((*SEEN, None), words, strict=True):
        row = next(line for line in lines if (seen.node if seen else "garage") in line)
        assert word in row
    assert renditions(console.written) <= asked
    assert b"7" in renditions(console.written) or asked in (MANY, TRUE)
    assert words != ASCII_WORDS or console.written.isascii()
    assert (modes(console.written), keys_pushed(console.written)) == (ON_AT_FIRST, 0)


@pytest.mark.parametrize(
    "size", [pytest.param((80, 24), id="80x24"), pytest.param(SMALL, id="60x15")]
)
def test_a_terminal_that_cannot_position_text_gets_one_sentence(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    fresh_home(tmp_path)

    with terminal(tmp_path, environ={"TERM": "dumb"}, size=size) as console:
        assert console.ended() == 2
        console.settle(0.1)

    sentence = (
        b"reversi-tui: error: a terminal of type 'dumb' (TERM) cannot position text on the screen;"
        b" use another terminal, or --once\r\n"
    )
    assert console.written == sentence


def rows_shown(lines: list[str]) -> list[str]:
    """The nodes of the table, as far as they are in sight."""
    names = [*(seen.node for seen in SEEN), "garage"]
    return [name for name in names if any(re.match(rf"[ ▌] {name} ", line) for line in lines)]


def resized(pane: Tmux, columns: int, rows: int, *words: str) -> list[str]:
    """The screen at another size, once it shows the words; nothing is wider than it."""
    pane.resize(columns, rows)
    pane.until(
        lambda lines: len(lines) <= rows and all(len(line) <= columns for line in lines),
        "the new size",
    )
    return pane.shows(*words)


def test_in_tmux_the_window_changes_its_size_with_a_dialog_open(tmp_path: Path) -> None:
    fresh_home(tmp_path / "home")
    require("tmux")

    with tmux(tmp_path, console_words(tmp_path / "home")) as pane:
        pane.shows("garage", "✖ hung", "not running")
        pane.press("Down", "k")
        pane.shows("Cancel (n)", "sshd 4001")
        resized(pane, *SMALL, "Cancel (n)", "Yes, kill", "sshd 4001")
        resized(pane, 200, 50, "Cancel (n)", "Yes, kill", "sshd 4001")
        resized(pane, *SMALL, "Cancel (n)", "sshd 4001")
        pane.press("n")
        pane.shows("barn port 20011: kill cancelled", "k kill")
        pane.until(rows_shown, "the rows are back")
        pane.press("a", "k")
        resized(pane, 40, 10, "Kill these 4 forwards?", "Cancel (esc)")
        resized(pane, *SMALL, "Kill these 4 forwards?", "Cancel (esc)", "Yes, kill")
        pane.press("Escape", "Escape", "Escape")
        pane.shows("7 forwards")
        lines = resized(pane, 80, 24, "garage", "k kill")
        assert len(rows_shown(lines)) == len(SEEN) + 1
        pane.press("?")
        pane.shows("Kill the sshd process")
        resized(pane, *SMALL, "Kill the sshd process")
        pane.press("Escape")
        pane.shows("k kill")
        pane.press("q")
        pane.until(lambda lines: any(line.startswith(f"{LEFT} 0") for line in lines), "left")
        assert pane.switches() == SWITCHES


def test_in_screen_no_colour_is_asked_for_that_screen_has_not(tmp_path: Path) -> None:
    fresh_home(tmp_path / "home")
    require("screen")
    folder, log = tmp_path / "sessions", tmp_path / "log"
    folder.mkdir(mode=0o700)
    (tmp_path / "rc").write_text(
        f"startup_message off\ndefutf8 on\nlogfile {log}\nlogfile flush 0\ndeflog on\n",
        encoding="utf-8",
    )
    environ = {"SCREENDIR": str(folder), "COLORTERM": "truecolor"}
    words = [
        "screen",
        "-U",
        "-c",
        str(tmp_path / "rc"),
        "-S",
        "suite",
        *console_words(tmp_path / "home", "--theme", "dark"),
    ]

    with on_terminal(words, environ=environ) as outer:
        try:
            lines = look_around(outer)
            outer.press(b"q")
            assert outer.ended() == 0
        finally:
            quit_it = ["screen", "-S", "suite", "-X", "quit"]
            subprocess.run(
                quit_it, env=own_environment(environ), check=False, capture_output=True, timeout=200
            )
    written = log.read_bytes()

    assert len(rows_shown(lines)) == len(SEEN) + 1
    assert any("✖ hung" in line for line in lines)
    assert renditions(written) <= EIGHT | MANY
    assert (modes(written), keys_pushed(written)) == (ON_AT_FIRST, 0)
