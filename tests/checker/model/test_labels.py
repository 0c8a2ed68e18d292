"""Tags and notes: what may be one, and what a wrong one is told."""

from __future__ import annotations

import pytest

from checker.model import InvalidValue, parse_note, parse_tag, parse_tags


@pytest.mark.parametrize("text", ["a", "9", "site-a", "openwrt_23.05", "x" * 32])
def test_a_tag(text: str) -> None:
    assert parse_tag(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", ".a", "_a", "Site", "two words", "a,b", "ä", "a\n", "tag:x", "x" * 33]
)
def test_other_text_is_refused_with_what_may_be_a_tag(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"cannot be a tag; use 1 to 32 of a-z 0-9 \. _ -"):
        parse_tag(text)


def test_tags_are_sorted_and_each_is_kept_once() -> None:
    assert parse_tags(["site-a", "openwrt", "site-a"]) == ("openwrt", "site-a")


def test_a_node_has_sixteen_tags_at_most() -> None:
    many = [f"t{number}" for number in range(17)]

    assert len(parse_tags([*many[:16], "t0"])) == 16
    with pytest.raises(InvalidValue, match="can have 16 tags, not 17"):
        parse_tags(many)


@pytest.mark.parametrize(
    ("text", "kept"), [("", ""), (" attic ", "attic"), ("Schlüssel: Bäcker", "Schlüssel: Bäcker")]
)
def test_a_note_is_kept_without_blanks_around_it(text: str, kept: str) -> None:
    assert parse_note(text) == kept


@pytest.mark.parametrize("text", ["two\nlines", "a\x1b[31mb", "a\u202eb", "a\tb"])
def test_text_that_a_terminal_cannot_show_on_one_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="write one line of characters that can be printed"):
        parse_note(text)


def test_a_note_has_two_hundred_characters_at_most() -> None:
    assert parse_note("ä" * 200) == "ä" * 200
    with pytest.raises(InvalidValue, match="can have 200 characters, not 201"):
        parse_note("ä" * 201)
