"""Nodes after a change know what nodes that were read whole would find out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from checker.model import SHARED_KEY, Node, NodeName, parse_expect
from checker.registry.indexed_nodes import HAS_FLAG, IndexedNodes
from tests.strategies import node

NAMES = ("barn", "dock", "mill", "office")
Change = Mapping[NodeName, Node | None]


def alike(name: str, number: int, port: int, kind: int) -> Node:
    """Return a node of few keys and ports, so that two often ask for the same one."""
    plain = node(name, number, (port,))
    kinds = (
        plain,
        replace(plain, public_key=SHARED_KEY),
        replace(plain, probe_beating_every_s=90.0, enabled=False),
        replace(
            plain,
            next_key=node("other", number + 1).public_key,
            forwards=(replace(plain.forwards[0], expect=parse_expect("hostkey")),),
        ),
    )
    return kinds[kind]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    small = st.integers(0, 3)
    return {
        NodeName(name): draw(
            st.none() | st.builds(alike, st.just(name), small, small.map((20000).__add__), small)
        )
        for name in names
    }


@given(st.lists(changes(), max_size=6), st.booleans())
def test_what_is_found_out_after_changes_is_what_a_whole_reading_finds(
    several: list[Change], asks: bool
) -> None:
    nodes = IndexedNodes({})
    for change in several:
        if asks:  # else nothing is known that could be passed on
            nodes.owners()
            for flag in HAS_FLAG:
                nodes.flagged(flag)
        before, nodes = nodes, nodes.with_others(change)
        whole = IndexedNodes(dict(nodes.entries))
        assert nodes.is_contested() == whole.is_contested()
        assert nodes.owners() == whole.owners()
        for flag in HAS_FLAG:
            assert nodes.flagged(flag) == whole.flagged(flag)
        assert nodes.differing(before) == whole.differing(IndexedNodes(dict(before.entries)))


def test_nodes_that_do_not_descend_from_one_another_are_compared_one_by_one() -> None:
    barn, mill = node("barn", 1), node("mill", 2)
    first = IndexedNodes({barn.name: barn})
    second = first.with_others({mill.name: mill})

    assert second.differing(first) == {mill.name}
    assert first.differing(second) == {mill.name}
    assert second.with_others({barn.name: None}).differing(first) == {barn.name, mill.name}
