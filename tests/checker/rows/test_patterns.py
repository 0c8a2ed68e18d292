"""Wildcards and regular expressions: what they match, and which are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rows.patterns import InvalidPattern, beginning, regex, wildcard


@pytest.mark.parametrize(
    ("pieces", "text", "matches"),
    [
        (("site-", ""), "site-a", True),
        (("site-", ""), "my-site-a", False),
        (("", "-a"), "site-a", True),
        (("a", "b", "c"), "a--b-b-c", True),
        (("a", "b", "c"), "a--c-b", False),
        (("a", "a"), "a", False),
        (("a", "b", "b"), "a-b", False),
        (("a", "c"), "a\nc", False),
        (("b", ""), "a\nbc", True),
        (("[a.", ""), "[a.b", True),
    ],
)
def test_a_wildcard_is_a_whole_line(pieces: tuple[str, ...], text: str, *, matches: bool) -> None:
    assert bool(wildcard(pieces).search(text)) is matches


@given(st.lists(st.sampled_from(["", "a", "b", "ab"]), min_size=2, max_size=5), st.text("ab"))
def test_a_wildcard_matches_what_an_expression_with_all_ways_to_match_does(
    pieces: list[str], text: str
) -> None:
    plain = re.compile(".*".join(map(re.escape, pieces)))

    assert bool(wildcard(pieces).search(text)) is bool(plain.fullmatch(text))


@pytest.mark.parametrize(
    "source",
    [
        "(a+)+",
        "(a*)*b",
        "(a|aa)+$",
        "((a+))+",
        "(a?)+",
        "(?:a+b?){20}",
        "(?=a+)*",
        "(a|b){2,}",
        ".*.*.*=",
        "^.*.*.*.*=",
        "^a|.*.*.*=",
        "a?a?a?a?aaaa",
        "(a|b)(a|b)(a|b)(a|b)",
        "a{1,99}a{1,99}a{,99}",
        "(?x)a",
        "(?P<name>a)",
        "(?i:a)",
        "a" * 201,
    ],
)
def test_what_could_take_for_ever_is_refused(source: str) -> None:
    with pytest.raises(InvalidPattern, match="to search for this text, write it in quotes"):
        regex(source)


@pytest.mark.parametrize(
    "source", ["(", "[", "a)", "*", "a**", "[b-a]", "\\", "(?", "(?<=a+)b", "a{99999999999}"]
)
def test_what_is_not_valid_is_refused(source: str) -> None:
    with pytest.raises(InvalidPattern, match="the pattern"):
        regex(source)


@pytest.mark.parametrize(
    "source",
    [
        "^b.*1$",
        "^node-[0-9]+-(a|b)$",
        "^.*a.*b.*$",
        "(foo|bar) baz",
        "a|b|c|d|e|f",
        "^[0-9]{3}-[0-9]{2}$",
        "([0-9]{2}:){5}",
        r"10\.0\.[0-9]+\.5",
        "[(+*?]+",
        r"\(a\)+",
        "(?!x)a(?<!b)",
        "https?://.*",
        "[[a]",
    ],
)
def test_what_takes_no_long_time_is_valid(source: str) -> None:
    assert regex(source).pattern == source


def test_the_longest_valid_beginning_of_a_half_typed_expression_is_used() -> None:
    assert beginning("^b(") == regex("^b")
    assert beginning("a[") == regex("a")
    assert beginning("(a+)+") == regex("(a+)")
    assert beginning("(") is None
    assert beginning("") is None


@given(st.text("ab()[]|*+?{}1,\\^$.!=<:P-", max_size=20))
def test_every_expression_is_valid_or_refused_in_a_sentence(source: str) -> None:
    try:
        regex(source)
    except InvalidPattern as error:
        assert source in str(error)  # noqa: PT017 - not every source is refused
    beginning(source)
