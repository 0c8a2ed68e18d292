"""Changes to nodes; test_node_edits.py and test_forward_edits.py of the CLI have each verb."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.node_changes import (
    ChangedMeanwhile,
    carry_out,
    disable_broken_node,
    moves_taken_back,
    planned,
    remove_node,
)
from checker.model import Node, Note, Port
from checker.registry.changes import add
from checker.registry.key_lines import GateCommand
from checker.registry.last_good import read_known
from checker.registry.lock import locked
from checker.registry.reading import node_path, read_registry
from tests.strategies import OFFICE, free_port, node

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="/srv/gate")


@pytest.fixture
def office(tmp_path: Path) -> Layout:
    """A home with the node `office` on a free port."""
    layout = home_layout(tmp_path / "home")
    with locked(layout):
        add(layout, node(ports=(free_port(),)), COMMAND)
    return layout


def registered(layout: Layout) -> Node:
    return read_registry(layout.nodes).node(OFFICE)


def disabled(before: Node) -> Node:
    return replace(before, enabled=False)


def test_a_plan_that_changes_nothing_has_no_clauses(office: Layout) -> None:
    plan = planned(office, registered(office), lambda before: before)

    assert (plan.clauses, plan.aims, plan.sentences) == ((), (), ())


def test_a_plan_for_a_node_that_changed_meanwhile_is_refused(office: Layout) -> None:
    first = planned(office, registered(office), disabled)
    second = planned(office, registered(office), lambda node: replace(node, expires="2099-01-01"))
    carry_out(office, first, lambda _: None)

    with pytest.raises(ChangedMeanwhile, match="somebody else changed node office meanwhile"):
        carry_out(office, second, lambda _: None)

    assert registered(office).expires is None


def test_an_event_that_cannot_be_written_is_one_warning_without_a_prefix(office: Layout) -> None:
    office.state.mkdir()
    notes: list[Note] = []

    carry_out(office, planned(office, registered(office), disabled), notes.append)

    (warning,) = [note for note in notes if note.is_warning]
    assert warning.text.startswith("done, but the event could not be written: ")


def test_an_ended_tunnel_is_reported_and_is_not_a_warning(office: Layout) -> None:
    port = registered(office).forwards[0].port
    notes: list[Note] = []

    carry_out(office, planned(office, registered(office), disabled), notes.append)

    assert notes == [Note(f"office:{port}: nobody listens on port {port}")]


def test_a_broken_node_is_disabled_with_a_reason(office: Layout) -> None:
    node_path(office, OFFICE).write_text("oops")
    registry = read_known(office)
    broken = registry.broken_file(OFFICE)
    assert broken is not None

    sentence = disable_broken_node(office, registry, broken, lambda _: None)

    assert sentence.startswith("office: disabled: its keys are rejected, ")
    assert sentence.endswith(broken.reason)


def test_removing_a_node_reports_a_copy_that_becomes_valid(office: Layout) -> None:
    copy = node_path(office, OFFICE).with_name("office-old.toml")
    copy.write_bytes(node_path(office, OFFICE).read_bytes())
    notes: list[Note] = []

    remove_node(office, read_known(office), OFFICE, [], notes.append)

    assert [note.text.partition(" is valid")[0] for note in notes if note.is_warning] == [str(copy)]


def test_a_move_is_taken_back_if_the_old_port_stays_and_the_new_one_goes() -> None:
    before = node(ports=(20010, 20011))
    moving = replace(
        before,
        forwards=tuple(replace(f, next_port=Port(f.port + 100)) for f in before.forwards),
    )
    first, second = moving.forwards
    followed = replace(second, port=Port(20111), next_port=None)
    after = replace(moving, forwards=(replace(first, next_port=None), followed))

    assert moves_taken_back(moving, after) == [20110]
    assert moves_taken_back(moving, moving) == []
