"""The known word that is most like a mistyped one."""

from __future__ import annotations

import pytest

from checker.nearest import nearest


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("ndoe", "node"),
        ("NDOE", "node"),
        ("noe", "note"),
        ("statsu", "status"),
        ("zzz", ""),
    ],
)
def test_swapped_letters_are_the_likeliest_mistake(word: str, known: str) -> None:
    assert nearest(word, ("node", "note", "status")) == known
