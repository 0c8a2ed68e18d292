"""A letter typed twice is one key, if something is bound to it."""

from __future__ import annotations

import pytest

from reversi_tui.terminal.chords import Chords


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        pytest.param("gg", ["gg"], id="twice"),
        pytest.param("gj", ["j"], id="another key gives the first one up"),
        pytest.param("ggg", ["gg"], id="the third is a first one again"),
        pytest.param("jgg", ["j", "gg"], id="after another key"),
        pytest.param("kk", ["k", "k"], id="bound to nothing as a pair"),
    ],
)
def test_a_letter_typed_twice_is_one_key(typed: str, taken: list[str]) -> None:
    chords = Chords(["gg", "up", "f5", "G"])

    found = [chords.took(key, lambda _: True) for key in typed]

    assert [key for key in found if key] == taken


def test_where_nothing_is_bound_to_the_pair_each_letter_is_a_key() -> None:
    chords = Chords(["gg"])

    assert [chords.took("g", lambda _: False) for _ in range(2)] == ["g", "g"]


def test_escape_and_a_paste_give_the_first_letter_up() -> None:
    chords = Chords(["gg"])

    assert [chords.took(key, lambda _: True) for key in ("g", "escape", "g")] == ["", "", ""]
    chords.forget()
    assert chords.took("g", lambda _: True) == ""
