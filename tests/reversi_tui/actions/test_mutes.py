"""What the key for mutes does to rows."""

from __future__ import annotations

import pytest

from checker.model import InvalidValue, Mute, NodeName, Port, Selector, Tunnel
from checker.rows.mutes import RowMutes
from checker.rows.row import NO_PORT, Key, Row
from reversi_tui.actions.mutes import (
    Until,
    mutes_upon,
    names_of,
    parse_form,
    selectors_for,
    taking_back,
)

NOW = 1_795_700_000.0
OFFICE, ATTIC = NodeName("office"), NodeName("attic")


def row(node: NodeName, port: int, mute: Mute | None = None) -> Row:
    return Row(forward=None, seen=Tunnel(node=node, port=Port(port)), mute=mute)


def mute(selector: Selector) -> Mute:
    return Mute(selector=selector, until=NOW + 3600, why="roof", by="ada", at=NOW)


KEYS: dict[NodeName, list[Key]] = {
    OFFICE: [(OFFICE, Port(1)), (OFFICE, Port(2))],
    ATTIC: [(ATTIC, Port(3))],
}


@pytest.mark.parametrize(
    ("rows", "selectors"),
    [
        ([row(OFFICE, 1)], ["office:1"]),
        ([row(OFFICE, 1), row(OFFICE, 2)], ["office"]),
        ([row(ATTIC, 3), row(OFFICE, 2)], ["attic", "office:2"]),
        ([row(NodeName("barn"), NO_PORT)], ["barn"]),
    ],
)
def test_a_node_is_muted_as_a_whole_if_all_of_its_rows_are_chosen(
    rows: list[Row], selectors: list[str]
) -> None:
    assert [str(one) for one in selectors_for(rows, KEYS)] == selectors


def test_the_form_takes_a_time_and_a_reason() -> None:
    assert parse_form(" 2h ", " new roof ", NOW) == Until(until=NOW + 7200, why="new roof")


@pytest.mark.parametrize(
    ("time", "why", "sentence"),
    [("2h", " ", "say why"), ("soon", "x", "is not a time"), ("1s", "x", "from 1m to 90d")],
)
def test_the_form_refuses_what_cannot_be_a_mute(time: str, why: str, sentence: str) -> None:
    with pytest.raises(InvalidValue, match=sentence):
        parse_form(time, why, NOW)


def test_the_question_before_an_unmute_names_each_mute_and_counts_the_others() -> None:
    node = mute(Selector(node=OFFICE))
    first, second = row(OFFICE, 1, node), row(OFFICE, 2, node)
    mutes = mutes_upon([first], RowMutes([node, mute(Selector(node=ATTIC))], NOW))

    text = taking_back(mutes, [first], [first, second, row(ATTIC, 3)])

    assert mutes == (node,)
    assert text.startswith("office, until 20")
    assert ", by ada: roof" in text
    assert text.endswith("1 other forward would be unmuted too")


def test_of_many_rows_the_first_are_named() -> None:
    names = names_of([row(OFFICE, port) for port in range(1, 20)]).split("\n")

    assert (len(names), names[0], names[-1]) == (11, "office port 1", "and 9 more")
