"""What the word of a filter shows, in plain English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.rows.fields import FIELDS
from checker.rows.states import STATES
from reversi_tui.rows.completion import Cycle
from reversi_tui.rows.filter_help import explained
from reversi_tui.rows.hint import hint
from reversi_tui.rows.typed_word import word_at
from reversi_tui.rows.vocabulary import EventVocabulary, Vocabulary
from tests.checker.rows.samples import MOMENT

WORDS = Vocabulary(lambda: (), lambda: MOMENT)
OF_EVENTS = EventVocabulary(lambda: (), lambda: MOMENT, lambda: ())


def said(text: str, *, of_events: bool = False) -> str:
    return explained(word_at(text, len(text)), of_events=of_events)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("", "rows with a word; or column:word, is:fault, !word, a|b"),
        ("barn", 'rows with "barn" in any column, tag or note'),
        ("!barn", 'all but rows with "barn" in any column, tag or note'),
        ("status:h", 'rows whose status contains "h"'),
        ("up node:b|a", 'or rows whose node contains "a"'),
        ("node:=barn", 'rows whose node is "barn"'),
        ("tag:site-a", 'rows whose node has the tag "site-a"'),
        ("tag:*", "rows with any tag"),
        ("node:b*1", "rows whose node as a whole looks like b*1"),
        ("node:/1$/", "rows with a match of /1$/ in their node"),
        ("/a", "rows with /a so far; a regular expression ends with /"),
        ("/", "a regular expression, up to the next /"),
        ("is:", "a state, as in is:fault"),
        ("is:fault", "rows that are not up, or stale, and not out on purpose"),
        ("is:hung", "rows that are hung"),
        ("since:>5m", "rows whose status is older than 5 minutes"),
        ("since:<=1d", "rows whose status is at most 1 day old"),
        ("probe:<90s", "rows whose last probe is younger than 90 seconds"),
        ("latency:>=1.5s", "rows whose answer took at least 1500 ms"),
        ("latency:>", "latency > and a number; units are ms or s"),
        ("rate:>100k", "rows whose connection carries more than 100 kB in a second"),
        ("bytes:>2G", "rows whose connection carried more than 2 GB"),
        ("day:<99", "rows that were up for less than 99 % of the last 24 hours"),
        ("kills:>=2", "rows whose process was killed at least 2 times"),
        ("port:>20000", "rows whose port is above 20000"),
        ("pub:443", 'rows whose public port or name is "443"'),
        ("answer:", "answer: what the last probe found"),
    ],
)
def test_a_word_is_explained(typed: str, text: str) -> None:
    assert said(typed) == text


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("", "events with a word; or column:word, is:fault, !word, a|b"),
        ("x", 'events with "x" in their text, kind, node or actor'),
        ("kind:kill", 'events whose kind contains "kill"'),
        ("!actor:ada", 'all but events whose actor contains "ada"'),
        ("at:", "at: a day (today, 2026-11-26), or an age: <1d"),
        ("at:yesterday", "events of yesterday"),
        ("at:<1d", "events that are younger than 1 day"),
        ("status:hung", 'events of rows whose status contains "hung"'),
        ("is:stale", "events of rows without a recent probe"),
    ],
)
def test_a_word_of_the_event_log_is_explained(typed: str, text: str) -> None:
    assert said(typed, of_events=True) == text


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("staus:hung", "there is no column 'staus'; did you mean 'status'?"),
        ("is:stalle", "did you mean 'stale'?"),
        ("/(/", "is not valid"),
        ("kind:kill", "kind: is about events"),
    ],
)
def test_a_mistake_is_named_while_it_is_typed(typed: str, part: str) -> None:
    assert part in said(typed)


def test_each_column_and_state_is_explained() -> None:
    for field in FIELDS:
        assert said(f"{field.id}:").startswith(f"{field.id}: ")
        assert said(f"{field.id}:x") not in ("", "rows")
    for state in STATES:
        assert said(f"is:{state}").startswith("rows ")


@given(st.text(max_size=40), st.integers(0, 40), st.integers(1, 120), st.booleans())
def test_any_text_is_explained_in_one_line_that_fits(
    text: str, cursor: int, width: int, of_events: bool
) -> None:
    words = OF_EVENTS if of_events else WORDS

    line = hint(text, min(cursor, len(text)), words, None, width).plain

    assert line
    assert len(line) <= width
    assert line.isprintable()


def test_the_choices_follow_as_far_as_they_fit_from_the_present_one_on() -> None:
    cycle = Cycle(begin=0, choices=("status:down", "status:hung", "status:up"), at=1, tail="")

    lines = [hint("status:hung", 11, WORDS, cycle, width).plain for width in (80, 46, 30)]

    assert lines == [
        'rows whose status contains "hung"   tab hung up',
        'rows whose status contains "hung"   tab hung',
        "rows whose sta…   tab hung up",
    ]
