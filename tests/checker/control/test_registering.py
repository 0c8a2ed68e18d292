"""Registering a node; tests/checker/cli/test_node_add.py has the whole of it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from checker.config.settings import Config
from checker.control.registering import Wanted, freed_warnings, node_for
from checker.model import FreedPort, NodeName, Port, parse_forward
from checker.registry.nodes import PortTaken, Registry
from tests.strategies import NOW, OFFICE, node, public_key

CONFIG = Config(tunnel_user="reversi")
EMPTY = Registry(nodes=MappingProxyType({}))


def wanted(*forwards: str) -> Wanted:
    return Wanted(name=OFFICE, requests=tuple(map(parse_forward, forwards)), deadline_s=3.0)


def test_a_node_gets_the_forwards_that_were_asked_for() -> None:
    made = node_for(wanted("20500=a:1,public,tls", "b:2"), EMPTY, CONFIG, public_key())

    first, second = made.forwards
    assert (first.port, str(first.target), str(first.expect), first.public) == (
        20500,
        "a:1",
        "tls",
        True,
    )
    assert (second.port in CONFIG.policy.ports, second.public, second.deadline_s) == (
        True,
        False,
        3.0,
    )


def test_a_port_of_another_node_is_refused() -> None:
    other = node("attic", 2, (20500,))

    with pytest.raises(PortTaken):
        node_for(
            wanted("20500=a:1"),
            Registry(nodes=MappingProxyType({other.name: other})),
            CONFIG,
            public_key(),
        )


def test_a_freed_port_is_explained_only_if_it_was_not_asked_for() -> None:
    freed = FreedPort(port=Port(20010), node=NodeName("attic"), freed_at=NOW)
    registry = replace(EMPTY, freed={freed.port: freed})
    forwards = node().forwards

    assert freed_warnings(forwards, registry, {freed.port}) == [freed.sentence]
    assert freed_warnings(forwards, registry, {None}) == [
        f"no other port is left: {freed.sentence}"
    ]
    assert freed_warnings(forwards, EMPTY, {None}) == []
