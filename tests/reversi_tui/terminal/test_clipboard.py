"""OSC 52, plain and through tmux and screen."""

from __future__ import annotations

import base64
import re

import pytest

from reversi_tui.terminal.clipboard import SCREEN_BYTES, NotCopied, copy_sequence

TEXT = "ssh -p 20010 -- büro"
PLAIN = f"\x1b]52;c;{base64.b64encode(TEXT.encode()).decode()}\x07"


def test_a_terminal_is_told_the_text_in_base64() -> None:
    assert copy_sequence(TEXT, {"TERM": "xterm-256color"}) == PLAIN


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param(
            {"TERM": "screen-256color", "TMUX": "/tmp/tmux-0/default,1,0"}, id="tmux as it says"
        ),
        pytest.param({"TERM": "tmux-256color"}, id="tmux over ssh"),
    ],
)
def test_tmux_gets_it_for_itself_and_to_pass_on(environ: dict[str, str]) -> None:
    sequence = copy_sequence(TEXT, environ)

    assert sequence is not None
    assert sequence.startswith(PLAIN)
    passed = re.fullmatch(r"\x1bPtmux;(.*)\x1b\\", sequence.removeprefix(PLAIN), re.DOTALL)
    assert passed
    assert passed[1].count("\x1b") == 2, "an ESC that is not doubled would end the passing on"
    assert passed[1].replace("\x1b\x1b", "\x1b") == PLAIN


@pytest.mark.parametrize("length", [1, 100, 170, 2000])
def test_screen_passes_short_pieces_on_which_come_to_the_whole(length: int) -> None:
    plain = copy_sequence("x" * length, {"TERM": "xterm"})

    sequence = copy_sequence("x" * length, {"TERM": "screen", "STY": "1.pts"})

    assert sequence is not None
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", sequence, re.DOTALL)
    assert "".join(pieces) == plain
    assert all(len(piece) <= SCREEN_BYTES for piece in pieces)
    assert sequence == "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)


def test_behind_a_screen_that_may_be_tmux_both_ways_are_tried() -> None:
    assert copy_sequence(TEXT, {"TERM": "screen-256color"}) == f"{PLAIN}\x1bP{PLAIN}\x1b\\"


@pytest.mark.parametrize("kind", ["linux", "dumb", ""])
def test_a_terminal_without_a_clipboard_is_told_nothing(kind: str) -> None:
    assert copy_sequence(TEXT, {"TERM": kind}) is None


@pytest.mark.parametrize("text", ["rm -r x\n", "a\x1b[2Jb", "a\x07", "a\u202eb", "\x9b31m"])
def test_a_text_that_would_press_keys_is_not_copied(text: str) -> None:
    with pytest.raises(NotCopied):
        copy_sequence(text, {"TERM": "xterm"})
