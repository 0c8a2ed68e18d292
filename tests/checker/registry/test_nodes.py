"""The registry as a value: allotted ports, owners, conflicts, renames."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    ForwardRequest,
    Node,
    NodeName,
    Port,
    PortRanges,
    Target,
)
from checker.registry.differences import Differences
from checker.registry.nodes import (
    KeyTaken,
    NameTaken,
    PortsUsedUp,
    PortTaken,
    PortTwice,
    Registry,
    UnknownNode,
    allot,
    conflict,
)
from tests.strategies import OFFICE, node

TARGET = Target(host="127.0.0.1", port=Port(22))


def test_a_port_is_allotted_from_the_lowest_free_one() -> None:
    registry = Registry(nodes={NodeName("a"): node("a", ports=(20000, 20002))})
    asked = ForwardRequest(port=None, target=TARGET)

    forwards = allot(
        registry,
        OFFICE,
        [asked, replace(asked, port=Port(20001)), asked],
        PortRanges((range(20000, 20010),)),
        deadline_s=2.5,
    )

    assert [forward.port for forward in forwards] == [20003, 20001, 20004]
    assert {forward.deadline_s for forward in forwards} == {2.5}


def test_a_range_without_a_free_port_is_reported() -> None:
    registry = Registry(nodes={NodeName("a"): node("a", ports=(20000,))})

    with pytest.raises(
        PortsUsedUp,
        match=r"every port of 20000 is allotted; add ports to `ports` in reversi.toml",
    ):
        allot(
            registry,
            OFFICE,
            [ForwardRequest(port=None, target=TARGET)],
            PortRanges((range(20000, 20001),)),
        )


def test_the_registry_finds_nodes_and_owners() -> None:
    registry = Registry(nodes={NodeName("a"): node("a", ports=(20000,))})

    owner = registry.owner(20000)
    assert owner is not None
    assert owner.name == "a"
    assert registry.owner(20001) is None
    with pytest.raises(UnknownNode, match="there is no node 'b'"):
        registry.node("b")


def test_a_conflict_names_the_node_that_was_first() -> None:
    there = [node("a", 1, (20010,))]

    assert conflict(node("b", 2, (20011,)), there) is None
    assert isinstance(conflict(node("a", 2, (20011,)), there), NameTaken)
    assert isinstance(conflict(node("b", 2, (20011, 20011)), there), PortTwice)
    taken = conflict(node("b", 2, (20010,)), there)
    assert isinstance(taken, PortTaken)
    assert (
        str(taken)
        == "port 20010 belongs to node a; choose another, or run: reversi-checker node remove a"
    )
    key = conflict(node("b", 1, (20011,)), there)
    assert isinstance(key, KeyTaken)
    assert "belongs to node a" in str(key)


def test_a_renamed_node_is_recognized_by_its_key() -> None:
    def registry(*there: Node) -> Registry:
        return Registry(nodes={one.name: one for one in there})

    def renames(before: Registry, after: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
        return Differences(before, after).renames()

    before = registry(node("a", 1, (1,)), node("b", 2, (2,)))

    assert renames(before, registry(node("c", 1, (1,)), node("b", 2, (2,)))) == (("a", "c"),)
    assert renames(before, registry(node("c", 3, (1,)), node("b", 2, (2,)))) == ()
    assert renames(before, registry(node("b", 2, (2,)))) == ()
    assert (
        renames(before, replace(registry(node("c", 1, (1,))), broken=frozenset({NodeName("a")})))
        == ()
    )
    shared = registry(replace(node("a", 1, (1,)), public_key="shared"))
    assert renames(shared, registry(replace(node("c", 1, (1,)), public_key="shared"))) == ()
