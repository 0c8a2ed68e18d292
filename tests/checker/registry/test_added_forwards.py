"""Forwards that come beside others, and forwards that leave."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import InvalidValue, Node, Port, Target
from checker.registry.changes import use_new_key
from checker.registry.differences import Differences
from checker.registry.edits import (
    describe,
    leaving,
    revoked,
    with_forwards,
    with_rights_since,
    without_forward,
    without_old_port,
)
from checker.registry.file_stamps import signs
from checker.registry.lock import locked
from checker.registry.node_file import NODE_KEYS, read_node
from checker.registry.reading import node_path, read_registry
from checker.registry.snapshot import copied_nodes, write_copy
from checker.registry.succession import OVERDUE_S, leaving_note, overdue
from checker.registry.waiting import waiting_path
from tests.checker.registry.moving_nodes import COMMAND, changed, moving_home
from tests.strategies import OFFICE, node

TWO = node(ports=(20010, 20011))
NEW = node(ports=(20500,)).forwards[0]
TODAY = "2026-11-26"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return moving_home(tmp_path)


def gone_from(layout: Layout) -> Node:
    """The node in the registry, after its second forward was marked as leaving."""
    before = read_registry(layout.nodes).node(OFFICE)
    return changed(layout, leaving(before, before.forwards[1], 9))


def test_an_added_forward_takes_no_right_from_the_tunnel_as_it_is() -> None:
    after = with_rights_since(TWO, with_forwards(TWO, (NEW,)), 1_800_000_000)

    assert after.key_since == 0
    assert [forward.port_at for forward in after.forwards] == [0, 0, 1_800_000_000]
    assert revoked(TWO, after, TODAY) == ()
    assert describe(TWO, after) == ((20500, "forward to 127.0.0.1:22 added"),)


def test_a_forward_in_the_middle_is_removed_and_the_others_are_as_before() -> None:
    three = node(ports=(20010, 20011, 20012))

    after = without_forward(three, three.forwards[1])

    assert describe(three, after) == ((20011, "forward removed"),)
    assert revoked(three, after, TODAY) == (three.forwards[1],)


def test_a_leaving_forward_keeps_its_rights_until_its_device_has_left() -> None:
    after = leaving(TWO, TWO.forwards[1], 9)

    assert revoked(TWO, after, TODAY) == ()
    assert after.is_waiting
    assert [forward.port for forward in after.lasting] == [20010]
    assert describe(TWO, after) == (
        (20011, "the forward is removed once its device no longer listens there"),
    )
    assert leaving(after, after.forwards[1], 10) == after, "the first decision counts"
    assert without_old_port(after, Port(20011)).ports == (20010,)
    assert without_old_port(TWO, Port(20011)) == TWO
    assert leaving_note(TWO.forwards[1]) == ""
    assert overdue(after, 9 + OVERDUE_S) == ()
    ((_, command),) = overdue(after, 10 + OVERDUE_S)
    assert command == "node forward remove office 20011 --now"


def test_the_last_forward_stays() -> None:
    after = leaving(TWO, TWO.forwards[1], 9)

    for one in (after, node()):
        for remove in (lambda n, f: leaving(n, f, 9), without_forward):
            with pytest.raises(InvalidValue, match="is the only one of node office; to forget"):
                remove(one, one.forwards[0])


def test_adding_a_leaving_port_again_keeps_it() -> None:
    before = leaving(TWO, TWO.forwards[1], 9)
    again = replace(TWO.forwards[1], target=Target(host="nas", port=Port(80)))

    after = with_forwards(before, (again,))

    assert (after.ports, after.is_waiting) == ((20010, 20011), False)
    assert [text for _, text in describe(before, after)] == [
        "target 127.0.0.1:22 -> nas:80",
        "the forward stays",
    ]


def test_an_older_release_reads_the_file_and_keeps_what_is_not_decided_yet(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    before = path.read_bytes()

    after = gone_from(layout)

    assert after.forwards[1].leaves_at == 9
    assert path.read_bytes() == before
    added = changed(layout, with_forwards(after, (NEW,)))
    assert added.forwards[2].port_at >= added.added_at
    assert set(tomllib.loads(path.read_text())) <= set(NODE_KEYS)
    assert [forward.leaves_at for forward in added.forwards] == [0, 9, 0]
    waiting_path(path).unlink()
    assert [forward.port_at for forward in read_node(path).forwards] == [0, 0, 0]


def test_the_copy_of_the_registry_holds_both(layout: Layout) -> None:
    layout.run.mkdir(parents=True, exist_ok=True)
    after = changed(layout, with_forwards(gone_from(layout), (NEW,)))
    write_copy(layout, {OFFICE: after}, signs(layout.nodes)[0], public=True)

    copied = copied_nodes(layout)

    assert copied is not None
    assert [(f.port_at, f.leaves_at) for f in copied[OFFICE].forwards] == [
        (f.port_at, f.leaves_at) for f in after.forwards
    ]


def test_what_the_daemon_notes_removes_only_what_was_decided(layout: Layout) -> None:
    gone_from(layout)

    with locked(layout):
        kept = use_new_key(layout, OFFICE, COMMAND, Port(20010))
        after = use_new_key(layout, OFFICE, COMMAND, Port(20011))

    assert kept.ports == (20010, 20011)
    assert after.ports == (20010,)
    assert not waiting_path(node_path(layout, OFFICE)).exists()
    assert b":20011" not in layout.authorized_keys.read_bytes()


@pytest.mark.parametrize("text", ["leave = 3\n", "[[added]]\nport = 0\n"])
def test_a_waiting_file_that_makes_no_sense_breaks_the_node(layout: Layout, text: str) -> None:
    waiting_path(node_path(layout, OFFICE)).write_text(text)

    with pytest.raises(ConfigError, match=r"office\.next"):
        read_node(node_path(layout, OFFICE))


def test_a_port_counts_as_added_only_beside_others_and_only_once(layout: Layout) -> None:
    before = read_registry(layout.nodes)
    changed(layout, with_forwards(before.node(OFFICE), (NEW,)))
    after = read_registry(layout.nodes)

    assert Differences(before, after).added_ports() == {(OFFICE, 20500)}
    assert Differences(after, after).added_ports() == set()
    assert Differences(replace(before, nodes={}), before).added_ports() == set()
    assert Differences(replace(before, nodes={}), after).added_ports() == {(OFFICE, 20500)}
