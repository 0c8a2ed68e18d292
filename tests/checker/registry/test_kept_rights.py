"""Files that claim another node's key or port, and what a broken node keeps by its key lines."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import Layout
from checker.model import SHARED_KEY, Node, NodeName
from checker.registry.authorized_keys import write_keys
from checker.registry.changes import add, change
from checker.registry.kept_rights import described, key_lines, node_by_lines
from checker.registry.key_lines import render_lines
from checker.registry.last_good import read_known
from checker.registry.node_file import node_toml
from checker.registry.reading import node_path, read_registry
from tests.checker.registry.damaged_files import COMMAND, damage, lines, record
from tests.strategies import OFFICE, names, node, ports, public_key

OLD = NodeName("office-old")


def copied(layout: Layout, *, keeps_time: bool = False) -> None:
    """Copy a node's file; the copy sorts before its original."""
    (shutil.copy2 if keeps_time else shutil.copy)(node_path(layout, OFFICE), node_path(layout, OLD))


@given(
    st.builds(
        lambda name, taken, public, expires, waits: replace(
            node(name, 1, tuple(taken)),
            next_key=public_key(2) if waits else None,
            expires=expires,
            forwards=tuple(
                replace(forward, public=forward.port in public)
                for forward in node(name, 1, tuple(taken)).forwards
            ),
        ),
        names,
        st.lists(ports, unique=True, max_size=3),
        st.sets(ports),
        st.sampled_from([None, "2031-12-31"]),
        st.booleans(),
    )
)
def test_key_lines_hold_all_rights_of_a_node(one: Node) -> None:
    content = "".join(f"{line}\n" for line in render_lines(one, COMMAND)).encode()

    found = described(node_by_lines(key_lines(content)[one.name]), one)

    assert found == one


def test_a_truncated_line_grants_nothing_and_stops_nothing(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    layout.authorized_keys.write_bytes(
        layout.authorized_keys.read_bytes() + b"restrict,port-forwarding reversi:barn\n"
    )
    damage(node_path(layout, OFFICE), "syntax")

    write_keys(layout, COMMAND)

    assert list(read_known(layout).nodes) == [OFFICE]


@pytest.mark.parametrize("keeps_time", [False, True])
def test_a_copied_file_takes_nothing_from_its_original(layout: Layout, *, keeps_time: bool) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.read_bytes()

    copied(layout, keeps_time=keeps_time)
    write_keys(layout, COMMAND)

    registry = read_registry(layout.nodes)
    assert list(registry.nodes) == [OFFICE]
    assert registry.broken == {OLD}
    assert "belongs to node office" in registry.problems[0]
    assert layout.authorized_keys.read_bytes() == before


@pytest.mark.parametrize("keeps_time", [False, True])
def test_without_a_key_file_the_older_file_keeps_what_both_ask_for(
    layout: Layout, *, keeps_time: bool
) -> None:
    add(layout, node(), COMMAND)
    os.utime(node_path(layout, OFFICE), (1_700_000_000, 1_700_000_000))
    copied(layout, keeps_time=keeps_time)
    layout.authorized_keys.unlink()

    assert list(read_registry(layout.nodes).nodes) == [OFFICE]


def test_the_key_file_decides_against_the_age_of_the_files(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    copied(layout)
    os.utime(node_path(layout, OLD), (1, 1))

    assert list(read_registry(layout.nodes).nodes) == [OFFICE]


@pytest.mark.parametrize("keeps_time", [False, True])
def test_a_copy_of_a_file_does_not_enable_a_disabled_node(
    layout: Layout, *, keeps_time: bool
) -> None:
    add(layout, node(), COMMAND)
    os.utime(node_path(layout, OFFICE), (1_700_000_000, 1_700_000_000))
    copied(layout, keeps_time=keeps_time)

    change(layout, OFFICE, replace(node(), enabled=False), COMMAND)
    write_keys(layout, COMMAND)

    assert lines(layout) == set()
    assert read_registry(layout.nodes).broken == {OLD}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(node("barn", 2, (20010,)), id="port"),
        pytest.param(node("barn", 1, (20003,)), id="key"),
        pytest.param(node("barn", 5, (20003,)), id="key that waits"),
        pytest.param(
            replace(node("barn", 2, (20003,)), next_key=public_key(1)), id="own key that waits"
        ),
    ],
)
def test_a_node_whose_file_asks_for_anothers_right_keeps_what_it_had(
    layout: Layout, asked: Node
) -> None:
    add(layout, replace(node(), next_key=public_key(5)), COMMAND)
    add(layout, node("barn", 2, (20003,)), COMMAND)
    before = layout.authorized_keys.read_bytes()

    node_path(layout, NodeName("barn")).write_bytes(node_toml(asked))
    write_keys(layout, COMMAND)

    registry = read_registry(layout.nodes)
    assert registry.broken == {"barn"}
    assert [forward.port for forward in registry.nodes[NodeName("barn")].forwards] == [20003]
    assert registry.nodes[NodeName("barn")].public_key == public_key(2)
    assert set(layout.authorized_keys.read_bytes().splitlines()) == set(before.splitlines())


def test_no_other_node_gets_what_a_broken_node_keeps(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    add(layout, node("barn", 2, (20003,)), COMMAND)
    node_path(layout, NodeName("barn")).write_bytes(node_toml(node("barn", 2, (20010,))))
    node_path(layout, NodeName("shed")).write_bytes(node_toml(node("shed", 3, (20003,))))

    assert read_registry(layout.nodes).broken == {"barn", "shed"}


def test_a_shared_nodes_port_stays_in_the_shared_line_while_its_file_is_broken(
    layout: Layout,
) -> None:
    layout.nodes.mkdir(parents=True)
    layout.config.write_text(
        f'[shared_key]\nenabled = true\npublic_key = "{public_key(9)}"\nports = "50000-50001"\n'
    )
    add(layout, replace(node(), public_key=SHARED_KEY), COMMAND)
    before = layout.authorized_keys.read_bytes()
    record(layout)
    path = node_path(layout, OFFICE)
    path.write_bytes(path.read_bytes() + b"oops")

    write_keys(layout, COMMAND)

    assert b'"localhost:20010"' in before
    assert layout.authorized_keys.read_bytes() == before
    assert read_known(layout).nodes[OFFICE].is_shared
