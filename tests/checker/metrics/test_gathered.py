"""States of nodes, and labels that a device cannot multiply."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.metrics.gathered import KEPT_S, OTHER, STATES, Clients, client_label, node_states
from checker.model import NodeName
from checker.model.glance import Glance
from checker.wire import CLIENT as SAID
from tests.checker.metrics.fleets import FLEET, registry
from tests.strategies import NOW, OFFICE, node

HERE = registry(node("office"))
OLD, NEW = "bundle-0.1.0/openssh-9.2p1", "bundle-0.2.0/openssh-9.2p1"


def test_each_node_has_one_state_and_a_known_device_is_not_unregistered() -> None:
    assert node_states(FLEET) == {
        "enabled": 4,
        "disabled": 1,
        "expired": 1,
        "broken": 2,
        "unregistered": 1,
    }
    assert set(node_states(replace(FLEET, nodes={}, broken=frozenset(), glance=Glance()))) == set(
        STATES
    )


@pytest.mark.parametrize(
    "client",
    ["", "bundle", OLD, "bundle-0.2.0.dev0/dropbear-2022.83", "reversi-0.2.0/asyncssh-2.21.0"],
)
def test_our_own_clients_are_named(client: str) -> None:
    assert client_label(client) == client


@given(st.from_regex(SAID, fullmatch=True))
@settings(max_examples=50)
def test_any_other_word_is_one_label(said: str) -> None:
    label = client_label(said)

    assert label == OTHER or label.startswith(("bundle", "reversi"))
    assert len(label) <= 48


def test_a_client_that_calls_itself_something_else_each_time_makes_few_series() -> None:
    clients, shown = Clients(), set()
    for second in range(0, 7200, 10):
        said = {OFFICE: f"bundle-{second}/openssh-9.{second}"}
        shown.add(clients.follow(said, HERE, NOW + second)[OFFICE])

    assert len(shown) == 7200 / KEPT_S


def test_a_client_is_shown_while_its_node_is_away_and_after_an_upgrade() -> None:
    clients = Clients()

    assert clients.follow({}, HERE, NOW) == {}
    assert clients.follow({OFFICE: OLD}, HERE, NOW) == {OFFICE: OLD}
    assert clients.follow({}, HERE, NOW + 9) == {OFFICE: OLD}
    assert clients.follow({OFFICE: NEW}, HERE, NOW + KEPT_S) == {OFFICE: NEW}
    assert clients.follow({OFFICE: OLD}, HERE, NOW) == {OFFICE: OLD}, "the clock went back"


def test_a_client_of_a_removed_or_unknown_node_is_forgotten() -> None:
    clients = Clients()

    assert clients.follow({NodeName("stranger"): OLD}, HERE, NOW) == {}
    assert clients.follow({OFFICE: OLD}, HERE, NOW) == {OFFICE: OLD}
    assert clients.follow({}, {}, NOW) == {}
