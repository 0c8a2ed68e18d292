"""A filter's text as terms, alternatives and pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rows.parse import pieces, terms_in


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  ", []),
        (" a  b ", [["a"], ["b"]]),
        ("a|b c", [["a", "b"], ["c"]]),
        ("a| b", [["a", ""], ["b"]]),
        ("|", [["", ""]]),
        ('"a b|c"|d', [['"a b|c"', "d"]]),
        ('x:"a b', [['x:"a b']]),
        ("/a b|c/|d e", [["/a b|c/", "d"], ["e"]]),
        ("x:!/a b/ c", [["x:!/a b/"], ["c"]]),
        (r"/a\/ b/ c", [[r"/a\/ b/"], ["c"]]),
        ("/a/b c/d", [["/a/b"], ["c/d"]]),
        ("/a b", [["/a"], ["b"]]),
    ],
)
def test_blanks_end_terms_and_bars_end_alternatives(text: str, terms: list[list[str]]) -> None:
    assert [[part.text for part in parts] for parts in terms_in(text)] == terms


def test_a_part_has_a_sign_a_name_and_a_value() -> None:
    ((part,),) = terms_in("!Status:!Up:x")

    assert (part.is_inverted, part.name, part.value) == (True, "status", "!Up:x")


@pytest.mark.parametrize(
    ("value", "cut"),
    [
        ("", ("",)),
        ("A", ("a",)),
        ("a*b", ("a", "b")),
        ("*", ("", "")),
        ('"a*b"*', ("a*b", "")),
        ('a"b c"d', ("ab cd",)),
        ('"a', ("a",)),
    ],
)
def test_a_value_is_cut_at_its_stars(value: str, cut: tuple[str, ...]) -> None:
    assert pieces(value) == cut


@given(st.text(st.sampled_from('ab:!|/"* \\\n'), max_size=20))
def test_nothing_of_a_text_is_lost(text: str) -> None:
    kept = "".join("|".join(part.text for part in parts) for parts in terms_in(text))

    assert "".join(kept.split()) == "".join(text.split())
