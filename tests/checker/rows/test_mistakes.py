"""What is wrong with a filter, and why it shows nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rows.filter import parse_filter
from checker.rows.mistakes import MistakenFilter, check_filter, mistake, why_nothing
from tests.checker.rows.samples import MOMENT, ROWS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "staus:hung", "there is no column 'staus'; did you mean 'status'?", id="column"
        ),
        ("barn|!statsu:up", "no column 'statsu'; did you mean"),
        ("is:stalle", "there is no is:stalle; did you mean 'stale'?"),
        pytest.param(
            "is:up|blue", "there is no is:blue; after is: comes fault, stale", id="states"
        ),
        ("latency:>", "the filter's 'latency:>' has no end"),
        ("up node:", "the filter's 'node:' has no end"),
        ("!", "the filter's '!' has no end"),
        ('tag:""', "has no end; add what to look for"),
        ("is:", "the filter's 'is:' has no end"),
        ("barn|", "the filter has an empty alternative"),
        ("tga:x", "there is no column 'tga'; did you mean 'tag'?"),
        pytest.param(
            "/b(/", r"the pattern /b(/ is not valid (missing ), unterminated", id="pattern"
        ),
        pytest.param(
            "node:!/(a+)+/", "/(a+)+/ repeats a group that repeats something", id="endless"
        ),
        ("/b", "the pattern '/b' has no / at its end"),
        pytest.param(
            "!node:/b", "the pattern '/b' has no / at its end", id="half of an inverted one"
        ),
    ],
)
def test_a_filter_that_can_only_be_a_mistake_is_refused(text: str, said: str) -> None:
    assert said in mistake(text, ROWS, MOMENT)
    with pytest.raises(MistakenFilter):
        check_filter(text, ROWS, MOMENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "attic",
        "10.0.0.5:443",
        "host:x",
        "colour:red",
        "is:up|fault",
        "is:dis",
        "status:!up|hung",
        "/^b/|*x*",
        "/run/user",
        '"/b"',
        "pub:9",
    ],
)
def test_a_filter_that_may_be_meant_is_not(text: str) -> None:
    assert check_filter(text, ROWS, MOMENT) == parse_filter(text)


def test_no_column_is_mistyped_if_a_row_contains_the_text_with_its_colon() -> None:
    assert mistake("prot:22", ROWS, MOMENT)
    assert not mistake("prot:22", (), MOMENT)
    assert not mistake("10.0.0.5:443", ROWS, MOMENT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("elsewhere", "nothing matches the filter 'elsewhere'"),
        pytest.param(
            "tag:sitea up",
            "nothing matches the filter 'tag:sitea up': no node has the tag 'sitea';"
            " did you mean 'site-a'?",
            id="an unknown tag",
        ),
        pytest.param(
            "node:atic",
            "nothing matches the filter 'node:atic': none has the node 'atic';"
            " did you mean 'attic'?",
            id="nearly a name",
        ),
        pytest.param(
            "up cellar",
            "nothing matches the filter 'up cellar': none matches 'cellar'",
            id="a part",
        ),
        pytest.param(
            "attic !port:*",
            "nothing matches the filter 'attic !port:*': '!port:*' excludes them all",
            id="an inverted part",
        ),
        pytest.param(
            "attic is:up",
            "nothing matches the filter 'attic is:up', though each part of it matches some",
            id="no part",
        ),
        pytest.param(
            "statsu:x", "there is no column 'statsu'; did you mean 'status'?", id="mistake"
        ),
    ],
)
def test_what_matches_nothing_says_why(text: str, why: str) -> None:
    assert why_nothing(text, ROWS, MOMENT).startswith(why)


def test_no_rows_match_nothing() -> None:
    assert why_nothing("attic", (), MOMENT) == "there are no forwards to filter"


@given(st.text(st.sampled_from('ab:!|/"* \\(+is<>=u'), max_size=15))
def test_every_filter_has_a_reason_why_it_shows_nothing(text: str) -> None:
    assert why_nothing(text, ROWS, MOMENT)
    if not mistake(text, ROWS, MOMENT) and text.strip():
        assert parse_filter(text)
