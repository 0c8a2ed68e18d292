"""Mutes: what they name, how long they last, and the file that has them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import InvalidValue, NodeName, Port
from checker.model.mute import (
    Mute,
    MuteChange,
    Mutes,
    Selector,
    change_from,
    change_json,
    changed_mutes,
    mutes_in,
    mutes_text,
    parse_mute_end,
    parse_why,
)

NOW = 1_795_700_000.0
OFFICE, ATTIC = NodeName("office"), NodeName("attic")
PORT, OTHER = Port(20010), Port(20011)


def mute(selector: Selector, until: float = NOW + 3600) -> Mute:
    return Mute(selector=selector, until=until, why="a new roof", by="ada", at=NOW)


def never(_: str) -> bool:
    return False


def test_a_node_is_muted_with_all_of_its_forwards_and_no_other() -> None:
    mutes = Mutes([mute(Selector(node=OFFICE))], NOW)

    assert mutes.muting(OFFICE, PORT, never)
    assert mutes.muting(OFFICE, OTHER, never)
    assert mutes.muting(NodeName("office2"), PORT, never) is None


def test_a_mute_that_would_last_for_years_does_not_count() -> None:
    of_a_wrong_clock = mute(Selector(node=OFFICE), until=NOW + 100 * 86400)

    assert Mutes([of_a_wrong_clock], NOW).muting(OFFICE, PORT, never) is None
    assert Mutes([mute(Selector(node=OFFICE), until=NOW + 90 * 86400)], NOW)


def test_a_port_is_muted_without_its_siblings() -> None:
    mutes = Mutes([mute(Selector(node=OFFICE, port=PORT))], NOW)

    assert mutes.muting(OFFICE, PORT, never)
    assert mutes.muting(OFFICE, OTHER, never) is None


def test_a_filter_mutes_whatever_it_matches_when_asked() -> None:
    mutes = Mutes([mute(Selector(filter_text="tag:attic"))], NOW)

    assert mutes.muting(OFFICE, PORT, lambda text: text == "tag:attic")
    assert mutes.muting(OFFICE, PORT, never) is None


def test_a_mute_ends_by_itself() -> None:
    mutes = [mute(Selector(node=OFFICE), until=NOW)]

    assert not Mutes(mutes, NOW)
    assert Mutes(mutes, NOW - 1).muting(OFFICE, PORT, never)


def test_of_several_mutes_the_one_that_lasts_longest_counts() -> None:
    short, long = mute(Selector(node=OFFICE)), mute(Selector(filter_text="x"), until=NOW + 9000)

    assert Mutes([short, long], NOW).muting(OFFICE, PORT, lambda _: True) == long
    assert Mutes([short, long], NOW).muting(OFFICE, PORT, never) == short


def test_a_new_mute_replaces_one_of_the_same_selector_and_drops_those_that_ended() -> None:
    ended = mute(Selector(node=ATTIC), until=NOW - 1)
    port = mute(Selector(node=OFFICE, port=PORT))
    before, new = mute(Selector(node=OFFICE)), mute(Selector(node=OFFICE), until=NOW + 7200)

    assert changed_mutes([ended, before, port], MuteChange(add=(new,)), NOW) == (port, new)


def test_an_unmuted_selector_is_gone_and_others_stay() -> None:
    node, port = mute(Selector(node=OFFICE)), mute(Selector(node=OFFICE, port=PORT))

    assert changed_mutes([node, port], MuteChange(remove=(node.selector,)), NOW) == (port,)


@pytest.mark.parametrize("text", ["30s", "91d", "2026-11-01", "2199-01-01"])
def test_a_mute_lasts_from_a_minute_to_ninety_days(text: str) -> None:
    with pytest.raises(InvalidValue, match="a mute lasts from 1m to 90d") as raised:
        parse_mute_end(text, NOW)

    is_too_long = text in ("91d", "2199-01-01")
    assert ("for longer, disable the node" in str(raised.value)) == is_too_long


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 201, "\x1b[31m"])
def test_a_reason_is_one_printable_line(text: str) -> None:
    with pytest.raises(InvalidValue, match="the reason of a mute must be one line"):
        parse_why(text)


LINES = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=80)
SELECTORS = st.one_of(
    st.builds(
        Selector,
        node=st.from_regex(r"[a-z0-9][a-z0-9.-]{0,62}", fullmatch=True, alphabet="abz019.-"),
        port=st.none() | st.integers(1, 65535),
    ),
    st.builds(Selector, filter_text=LINES),
)


@given(
    st.lists(
        st.builds(
            Mute,
            selector=SELECTORS,
            until=st.floats(0, 2.0**33),
            why=LINES,
            by=LINES,
            at=st.floats(0, 2.0**33),
        )
    )
)
@settings(max_examples=50)
def test_mutes_survive_their_file(mutes: list[Mute]) -> None:
    assert mutes_in(mutes_text(mutes)) == tuple(mutes)


def test_a_change_survives_the_way_to_the_daemon() -> None:
    change = MuteChange(
        add=(mute(Selector(filter_text="tag:x")),), remove=(Selector(node=OFFICE, port=PORT),)
    )

    assert change_from(json.loads(json.dumps(change_json(change)))) == change


def test_an_empty_file_mutes_nothing_and_unknown_keys_are_ignored() -> None:
    text = mutes_text([mute(Selector(node=OFFICE))]).replace('{"node"', '{"later": 1, "node"')

    assert mutes_in("") == ()
    assert mutes_in(text) == (mute(Selector(node=OFFICE)),)


GOOD = mutes_text([mute(Selector(node=OFFICE))])


@pytest.mark.parametrize(
    "text",
    [
        GOOD[:-3],
        "[]",
        "null",
        '{"mutes": 5}',
        '{"mutes": [5]}',
        GOOD.replace('"office"', '"\\u001b[31m"'),
        GOOD.replace('"office"', "5"),
        GOOD.replace("null", "70000"),
        GOOD.replace('"office"', "null"),
        GOOD.replace("a new roof", "a\\nroof"),
        GOOD.replace("a new roof", ""),
        GOOD.replace(str(NOW), "1e400"),
        GOOD.replace(str(NOW), "NaN"),
        "[" * 100_000,
    ],
)
def test_a_broken_file_mutes_nothing(text: str) -> None:
    with pytest.raises(InvalidValue, match="not a list of mutes"):
        mutes_in(text)


def test_a_selector_reads_as_one_types_it() -> None:
    port = Selector(node=OFFICE, port=PORT)

    assert [str(port), str(replace(port, port=None)), str(Selector(filter_text="tag:x"))] == [
        "office:20010",
        "office",
        "filter 'tag:x'",
    ]
