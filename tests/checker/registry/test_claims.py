"""Whether an entry may go into the bucket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Node, NodeName, Port
from checker.registry.claims import Refusal, floors, refusal_of
from checker.registry.entries import Entry, Head, entry_text, parse_entry
from tests.strategies import node


def entry(one: Node | None, name: str, rev: int = 1) -> Entry:
    head = Head(name=NodeName(name), rev=rev, changed_at=1, changed_by="anna")
    return parse_entry(entry_text(head, one))


OFFICE = entry(node("office", 1, (20010,)), "office", 2)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param(entry(node("barn", 2, (20011,)), "barn"), "", id="nothing in common"),
        pytest.param(entry(node("barn", 2, (20010,)), "barn"), "port 20010", id="its port"),
        pytest.param(entry(node("barn", 1, (20011,)), "barn"), "public key", id="its key"),
        pytest.param(entry(None, "barn"), "", id="a node that is removed has nothing"),
        pytest.param(entry(node("office", 1, (1,)), "office", 2), "revision 2", id="revision"),
        pytest.param(entry(node("office", 1, (1,)), "office", 3), "revision 3", id="newer"),
        pytest.param(entry(node("office", 1, (1,)), "office", 1), "", id="older"),
        pytest.param(OFFICE, "", id="itself: the answer was lost"),
    ],
)
def test_what_another_gateway_was_quicker_with(other: Entry, said: str) -> None:
    found = refusal_of(OFFICE, {other.name: other})

    assert (said in found.sentence) if found and said else found is None and not said


def test_the_ports_that_another_has_are_named_so_that_others_are_tried() -> None:
    barn = entry(node("barn", 2, (20010, 20012)), "barn")

    found = refusal_of(OFFICE, {barn.name: barn})

    assert found is not None
    assert found.ports == {Port(20010)}


def test_only_what_lets_nobody_in_goes_over_a_newer_one() -> None:
    newer = Refusal(sentence="", newer=6)
    refused = {NodeName("a"): newer, NodeName("b"): newer, NodeName("c"): Refusal(sentence="")}

    assert floors(refused, {NodeName("a"), NodeName("c")}) == {NodeName("a"): 7}


def test_a_removal_is_refused_only_by_a_newer_revision() -> None:
    gone = replace(OFFICE, node=None)
    barn = entry(node("barn", 2, (20010,)), "barn")

    assert refusal_of(gone, {barn.name: barn}) is None
