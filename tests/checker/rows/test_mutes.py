"""Which rows are muted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import InvalidValue, Mute, NodeName, Port, Selector, Status, Target, Tunnel
from checker.rows.mutes import DECIDED, RowMutes, SeenInMute, parse_mute_filter
from checker.rows.row import Row
from tests.strategies import FORWARD, NOW, OFFICE, PORT

OFFICE_ROW = Row(
    forward=FORWARD,
    seen=Tunnel(node=OFFICE, port=PORT, status=Status.DOWN, detail="nobody listens"),
    tags=("site-a",),
    note="attic, key at the bakery",
)


def by_filter(text: str) -> Mute:
    return Mute(selector=Selector(filter_text=text), until=NOW + 60, why="roof", by="ada", at=NOW)


@pytest.mark.parametrize(
    "text",
    ["node:office", "tag:site-a", "bakery", "target:127.0.0.1", "port:9|port:20010", "off*"],
)
def test_a_filter_mutes_by_what_was_decided(text: str) -> None:
    mutes = RowMutes([by_filter(text)], NOW)

    assert mutes.muting(OFFICE_ROW) == by_filter(text)
    assert mutes.all_muting(OFFICE_ROW) == (by_filter(text),)


@pytest.mark.parametrize("text", ["node:barn", "nobody", "!office"])
def test_what_was_seen_of_a_row_mutes_nothing(text: str) -> None:
    assert RowMutes([by_filter(text)], NOW).muting(OFFICE_ROW) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("status:down", "status"),
        ("!status:up", "status"),
        ("is:fault", "is"),
        ("office since:>1h", "since"),
        ("node:office|latency:>200", "latency"),
        ("down", "down"),
        ("!up", "up"),
        ("s:x", "s"),
        ('"unknown"', "unknown"),
        ("office|is:stale", "is"),
    ],
)
def test_a_filter_that_would_silence_later_faults_is_refused(text: str, word: str) -> None:
    with pytest.raises(SeenInMute, match=f"a mute cannot depend on '{word}'"):
        parse_mute_filter(text)


def test_a_colon_within_quotes_names_no_column() -> None:
    assert parse_mute_filter('note:"key since: 2020"')


@pytest.mark.parametrize("text", ["", "  ", "node:", "x" * 401, "a\tb"])
def test_a_filter_must_say_something(text: str) -> None:
    with pytest.raises(InvalidValue, match="must say something"):
        parse_mute_filter(text)


@pytest.mark.parametrize("text", ["tag:a|", "/(/", "/off"])
def test_a_filter_must_be_complete(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"empty alternative|/"):
        parse_mute_filter(text)


@pytest.mark.parametrize("text", ["status:unknown", "is:fault", "unknown", "/(/"])
def test_a_filter_that_was_written_into_the_file_by_hand_mutes_nothing(text: str) -> None:
    mutes = RowMutes([by_filter(text)], NOW)

    assert mutes.muting(OFFICE_ROW) is None
    assert mutes.all_muting(OFFICE_ROW) == ()


def test_a_row_that_was_changed_is_looked_at_again() -> None:
    mutes = RowMutes([by_filter("target:127")], NOW)
    moved = replace(FORWARD, target=Target(host="10.0.0.1", port=Port(22)))

    assert mutes.muting(OFFICE_ROW)
    assert mutes.muting(replace(OFFICE_ROW, forward=moved)) is None


def test_each_mute_of_a_row_is_found() -> None:
    port = replace(by_filter("x"), selector=Selector(node=OFFICE, port=PORT), until=NOW + 90)
    other = replace(by_filter("x"), selector=Selector(node=OFFICE, port=Port(9)))
    node = replace(by_filter("x"), selector=Selector(node=OFFICE))
    stranger = replace(by_filter("x"), selector=Selector(node=NodeName("barn")))
    mutes = RowMutes([port, other, node, stranger, by_filter("office")], NOW)

    assert mutes.all_muting(OFFICE_ROW) == (port, node, by_filter("office"))
    assert mutes.muting(OFFICE_ROW) == port


def test_the_sentence_names_what_a_filter_may_use() -> None:
    assert all(name in str(SeenInMute("is")) for name in DECIDED)
