"""Shorter sequences for styles look the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reversi_tui.terminal.environment import erases_in_colour
from reversi_tui.terminal.styles import RESET, Shortener

OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("under",), 27: ("reverse",), 29: ("strike",)}
OFF |= {39: ("text",), 49: ("behind",)}
ON = {1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "reverse", 9: "strike"}
Look = frozenset[tuple[str, str]]
FEW = ("1", "2", "4", "7", "9", "31", "97", "42", "38;5;188", "48;5;16", "38;2;1;2;3", "48;2;1;1;1")
STYLES = st.lists(st.sampled_from(FEW), min_size=1, max_size=4).map(";".join)


def drawn(output: str) -> list[tuple[str, Look]]:
    """Each character as a terminal would draw it."""
    look: dict[str, str] = {}
    found: list[tuple[str, Look]] = []
    for piece in re.split(r"(\x1b\[[\d;]*m)", output):
        if piece.startswith("\x1b["):
            apply(look, piece[2:-1].split(";"))
        else:
            found += [(letter, frozenset(look.items())) for letter in piece]
    return found


def apply(look: dict[str, str], numbers: list[str]) -> None:
    while numbers:
        number = int(numbers[0] or 0)
        count = {"5": 3, "2": 5}[numbers[1]] if number in (38, 48) else 1
        value, numbers = ";".join(numbers[:count]), numbers[count:]
        if number == 0:
            look.clear()
        for name in OFF.get(number, ()):
            _ = look.pop(name, None)
        if number in ON:
            look[ON[number]] = value
        elif number in (38, *range(30, 38), *range(90, 98)):
            look["text"] = value
        elif number in (48, *range(40, 48), *range(100, 108)):
            look["behind"] = value


def as_written(pieces: Sequence[tuple[str | None, str, bool]]) -> str:
    """Pieces of text, each with its style, and a reset after it or not."""
    return "".join(
        f"\x1b[{style}m{text}{RESET if ends else ''}" if style else text
        for style, text, ends in pieces
    )


@settings(max_examples=50)
@given(st.lists(st.tuples(st.none() | STYLES, st.text("ab \n", max_size=3), st.booleans())))
def test_the_shorter_output_looks_the_same(
    pieces: list[tuple[str | None, str, bool]],
) -> None:
    shortener, half = Shortener(), len(pieces) // 2

    found = shortener.shortened(as_written(pieces[:half]))
    found += shortener.shortened(as_written(pieces[half:]))

    assert drawn(found) == drawn(as_written(pieces))
    assert len(found) <= len(as_written(pieces))


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        pytest.param("plain\x1b[2;1H", "plain\x1b[2;1H", id="no style"),
        pytest.param(
            "\x1b[1;38;5;7;48;5;0mk\x1b[0m\x1b[38;5;7;48;5;0m kill\x1b[0m",
            "\x1b[1;38;5;7;48;5;0mk\x1b[22m kill\x1b[0m",
            id="bold ends",
        ),
        pytest.param(
            "\x1b[31;40ma\x1b[0m\x1b[32;40mb\x1b[0m", "\x1b[31;40ma\x1b[32mb\x1b[0m", id="colour"
        ),
        pytest.param("\x1b[31ma\x1b[0m\x1b[31mb\x1b[0m", "\x1b[31mab\x1b[0m", id="the same"),
        pytest.param("\x1b[31ma\x1b[0mb", "\x1b[31ma\x1b[0mb", id="plain again"),
    ],
)
def test_only_what_differs_is_written(output: str, wanted: str) -> None:
    shortener = Shortener()
    assert shortener.shortened(RESET) == RESET
    assert shortener.shortened(output) == wanted


def test_before_the_first_reset_nothing_is_taken_for_granted() -> None:
    assert Shortener().shortened("\x1b[0m\x1b[31ma\x1b[0m") == "\x1b[0;31ma\x1b[0m"


ROW = f"\x1b[38;5;7;48;5;16mup{' ' * 40}3h\x1b[0m"


def test_many_blanks_are_erased_by_a_terminal_that_fills_them_with_the_colour_behind() -> None:
    shown = Shortener(erases=True).shortened(f"\x1b[0m{ROW}")

    assert "up\x1b[40X\x1b[40C3h" in shown


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("\x1b[0m\x1b[7mup" + " " * 40 + "\x1b[0m", id="reverse"),
        pytest.param("\x1b[0m\x1b[4;38;5;7mup" + " " * 40 + "\x1b[0m", id="underlined"),
        pytest.param("\x1b[0m\x1b[1mup" + " " * 9 + "\x1b[0m", id="few"),
        pytest.param("up" + " " * 40, id="in an unknown style"),
    ],
)
def test_blanks_stay_that_would_look_otherwise_or_are_few(output: str) -> None:
    assert "X" not in Shortener(erases=True).shortened(output)


def test_blanks_stay_for_a_terminal_that_may_erase_in_another_colour() -> None:
    assert " " * 40 in Shortener().shortened(f"\x1b[0m{ROW}")


def test_only_the_last_of_several_moves_of_the_cursor_is_written() -> None:
    shown = Shortener().shortened("\x1b[0ma\x1b[4;200H\r\n\x1b[5;1Hb\r\nc\x1b[9;9H")

    assert shown.endswith("a\x1b[5;1Hb\r\nc\x1b[9;9H")


@pytest.mark.parametrize(
    ("environ", "erases"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "STY": "1.pts"}, False),
        ({"TERM": "screen-256color"}, False),
        ({"TERM": "tmux-256color"}, False),
        ({}, False),
    ],
)
def test_cells_are_erased_only_where_the_terminal_is_known(
    environ: dict[str, str], erases: bool
) -> None:
    assert erases_in_colour(environ) is erases
