"""What old devices call themselves, and the names of their nodes."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checker.model import VERBS, InvalidValue, name_for, parse_calls_itself, parse_name
from tests.strategies import ports

words = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=64
)


def is_odd(word: str) -> bool:
    """Whether the word cannot name a node."""
    return name_for(word, 1) != word


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        pytest.param("Office_Router", "office-router", id="capitals"),
        pytest.param("NODE_NAME_HERE", "node-name-here", id="the-template"),
        pytest.param("Roof 3", "roof-3", id="space"),
        pytest.param("check", "check", id="verb"),
        pytest.param("-x-", "x", id="hyphens"),
        pytest.param("Gro\N{LATIN SMALL LETTER U WITH DIAERESIS}n.1", "groun.1", id="accent"),
        pytest.param("\N{HIRAGANA LETTER A}", "device", id="no-letters"),
        pytest.param("../../etc/passwd", "etc-passwd", id="path"),
        pytest.param("a" * 64, "a" * 48, id="long"),
    ],
)
def test_a_word_that_cannot_name_a_node_gets_a_name_like_it(word: str, kept: str) -> None:
    assert name_for(word, 50124) == f"{kept}-50124"


def test_a_name_stays_as_it_is() -> None:
    assert name_for("office-router", 50124) == "office-router"


@given(words, ports)
@example("check", 1)
@example("O" * 64, 65535)
def test_every_word_has_a_valid_name(word: str, port: int) -> None:
    assert parse_name(name_for(word, port)) == name_for(word, port)


@given(st.lists(st.tuples(words.filter(is_odd), ports), unique_by=lambda pair: pair[1]))
@example([("Office_Router", 1), ("OFFICE_ROUTER", 2), ("Office_Router", 3)])
def test_two_devices_have_two_names(devices: list[tuple[str, int]]) -> None:
    assert len({name_for(*device) for device in devices}) == len(devices)


@pytest.mark.parametrize("text", ["", "x" * 65, "a\nb", "\x1b[31m", " a", "a ", "\u202eabc"])
def test_a_word_is_short_and_can_be_printed(text: str) -> None:
    with pytest.raises(InvalidValue, match="cannot be what a device calls itself"):
        parse_calls_itself(text)


@pytest.mark.parametrize("text", ["Office_Router", "Roof 3", "x" * 64, *sorted(VERBS)])
def test_any_other_word_is_kept_as_it_is(text: str) -> None:
    assert parse_calls_itself(text) == text
