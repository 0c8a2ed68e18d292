"""The order in which rows are made."""

from __future__ import annotations

from checker.model import NodeName, Port
from reversi_tui.rows.order import as_listed

LISTED = {(NodeName(f"n{number:03d}"), Port(20000 + number)): None for number in range(100)}
NEW = (NodeName("new"), Port(30000))


def test_many_keys_come_as_they_are_listed_and_none_is_lost() -> None:
    wanted = frozenset({*list(LISTED)[10:], NEW})

    assert list(as_listed(wanted, LISTED)) == [*list(LISTED)[10:], NEW]


def test_a_few_keys_are_not_looked_for_in_the_list() -> None:
    wanted = frozenset(list(LISTED)[:3])

    assert as_listed(wanted, LISTED) is wanted
