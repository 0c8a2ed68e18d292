"""The daemon's record: it describes nodes whose file is broken, and grants no rights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import OPEN, Node, Port, parse_expect
from checker.registry.authorized_keys import write_keys
from checker.registry.changes import add, change
from checker.registry.file_stamps import stamp
from checker.registry.kept_rights import described
from checker.registry.last_good import read_known, record_path
from checker.registry.node_rows import node_list
from checker.registry.reading import node_path
from checker.registry.waiting import waiting_path
from tests.checker.registry.damaged_files import COMMAND, HOWS, How, damage, lines, record
from tests.strategies import OFFICE, node, public_key


@pytest.mark.parametrize("how", HOWS)
def test_a_node_whose_file_cannot_be_read_keeps_what_it_had(layout: Layout, how: How) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.read_bytes()
    record(layout)
    damage(node_path(layout, OFFICE), how)

    write_keys(layout, COMMAND)

    registry = read_known(layout)
    assert registry.nodes[OFFICE] == node()
    assert "still has its rights as of " in registry.problems[0]
    assert layout.authorized_keys.read_bytes() == before


TO = Port(20500)


def moving(to: Port | None = TO) -> Node:
    """A node whose forward moves."""
    return replace(
        node(),
        forwards=tuple(
            replace(forward, next_port=to, next_port_at=5) for forward in node().forwards
        ),
    )


def places(one: Node) -> list[tuple[Port, Port | None]]:
    return [(forward.port, forward.next_port) for forward in one.forwards]


@pytest.mark.parametrize(
    "before", [node(), moving()], ids=["recorded before the move", "recorded while it moves"]
)
def test_a_moving_forward_keeps_both_ports(layout: Layout, before: Node) -> None:
    add(layout, before, COMMAND)
    record(layout)
    change(layout, OFFICE, moving(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    found = read_known(layout).nodes[OFFICE]

    assert places(found) == [(20010, TO)]
    assert found.forwards[0].expect == node().forwards[0].expect


def test_a_node_that_moves_and_was_never_recorded_has_one_forward(layout: Layout) -> None:
    add(layout, replace(moving(), next_key=public_key(2)), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    kept = read_known(layout).nodes[OFFICE]

    assert places(kept) == [(20010, TO)]
    assert kept.next_key_at > 0


def test_a_node_whose_other_file_is_broken_still_moves_as_it_was_recorded(layout: Layout) -> None:
    add(layout, moving(), COMMAND)
    record(layout)
    waiting_path(node_path(layout, OFFICE)).write_text("move = ")

    assert places(read_known(layout).nodes[OFFICE]) == [(20010, TO)]


@pytest.mark.parametrize(
    ("after", "left"),
    [pytest.param(node(), 20010, id="taken back"), pytest.param(node(ports=(TO,)), TO, id="ended")],
)
def test_a_broken_node_loses_the_other_port_of_a_finished_move(
    layout: Layout, after: Node, left: Port
) -> None:
    add(layout, moving(), COMMAND)
    record(layout)
    change(layout, OFFICE, after, COMMAND)
    add(layout, node("barn", 2, (TO if left == 20010 else Port(20010),)), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    assert places(read_known(layout).nodes[OFFICE]) == [(left, None)]


def test_two_recorded_forwards_are_not_one_port_twice() -> None:
    assert places(described(moving(), node(ports=(20010, TO)))) == [(20010, TO)]


def test_a_broken_node_keeps_a_port_that_it_got_after_it_was_recorded(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    record(layout)
    change(layout, OFFICE, node(ports=(20010, TO)), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    kept = read_known(layout).nodes[OFFICE]

    assert places(kept) == [(20010, None), (TO, None)]
    assert [forward.expect for forward in kept.forwards] == [node().forwards[0].expect, OPEN]


def test_a_broken_node_without_a_line_claims_no_port_of_another(layout: Layout) -> None:
    add(layout, moving(), COMMAND)
    record(layout)
    change(layout, OFFICE, replace(node(), enabled=False), COMMAND)
    add(layout, node("barn", 2, (TO,)), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    assert places(read_known(layout).nodes[OFFICE]) == [(20010, None)]


def test_an_unrecorded_broken_node_keeps_key_and_ports_and_expects_no_answer(
    layout: Layout,
) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    kept = read_known(layout).nodes[OFFICE]

    assert [(forward.port, forward.expect) for forward in kept.forwards] == [(20010, OPEN)]
    assert kept.public_key == public_key()


def test_deleting_a_file_revokes_its_rights_at_once(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    record(layout)

    node_path(layout, OFFICE).unlink()
    write_keys(layout, COMMAND)

    assert lines(layout) == set()
    assert read_known(layout).nodes == {}


FORGED = [
    pytest.param(node("office", 7, (20010, 443)), id="another key and more ports"),
    pytest.param(
        replace(node(), forwards=tuple(replace(one, public=True) for one in node().forwards)),
        id="public",
    ),
    pytest.param(node("barn", 7, (20003,)), id="an unknown node"),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_record_grants_no_rights(layout: Layout, forged: Node) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.read_bytes()
    record(layout)
    other = home_layout(layout.nodes.parent.parent / "forged")
    add(other, forged, COMMAND)
    record(other)
    shutil.copy(record_path(other), record_path(layout))
    damage(node_path(layout, OFFICE), "syntax")

    write_keys(layout, COMMAND)

    assert layout.authorized_keys.read_bytes() == before
    found = read_known(layout).nodes
    assert list(found) == [OFFICE]
    assert found[OFFICE].public_key == public_key()
    assert {(forward.port, forward.public) for forward in found[OFFICE].forwards} <= {
        (Port(20010), False)
    }


WITH_FALSE_KEY = replace(
    node(),
    forwards=(replace(node().forwards[0], expect=parse_expect("http"), host_key="\x1b[2J"),),
)
DAMAGED = (
    "",
    "[]",
    "{",
    '{"format":1,"nodes":[[1,["office"]]]}',
    '{"format":2,"nodes":[]}',
    '{"format":1,"nodes":5}',
    json.dumps({"format": 1, "nodes": [[1, node_list(WITH_FALSE_KEY)]]}),
)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_is_ignored(layout: Layout, text: str) -> None:
    add(layout, node(), COMMAND)
    record_path(layout).write_text(text)
    damage(node_path(layout, OFFICE), "syntax")

    assert read_known(layout).nodes[OFFICE].forwards[0].expect == OPEN


def test_the_record_keeps_a_broken_node_over_later_changes(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    record(layout)
    damage(node_path(layout, OFFICE), "syntax")
    add(layout, node("barn", 2, (20003,)), COMMAND)
    record(layout)

    assert read_known(layout).nodes[OFFICE] == node()
    assert len(json.loads(record_path(layout).read_bytes())["nodes"]) == 2
    assert stamp(layout.nodes).files
