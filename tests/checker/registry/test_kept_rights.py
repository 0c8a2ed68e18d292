"""Files of the registry that do not count: who keeps key and port, what a broken node keeps, and
how its rights are taken away.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.layout import Layout, home_layout
from checker.model import OPEN, SHARED_KEY, Node, NodeName, Port
from checker.registry.authorized_keys import write_keys
from checker.registry.broken_nodes import disable_broken, with_disabled
from checker.registry.changes import add, change, remove
from checker.registry.file_stamps import stamp
from checker.registry.kept_rights import described, key_lines, node_by_lines
from checker.registry.key_lines import GateCommand, render_lines
from checker.registry.last_good import read_known, record_path, renew_copy
from checker.registry.lock import locked
from checker.registry.node_file import node_toml, read_node
from checker.registry.nodes import FileBroken
from checker.registry.reading import node_path, read_registry
from checker.registry.waiting import waiting_path
from tests.strategies import OFFICE, names, node, ports, public_key

COMMAND = GateCommand(
    python="/usr/bin/python3", gate="/opt/gate.py", home='/srv/a home, with "quotes"'
)
OLD = NodeName("office-old")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return home_layout(tmp_path / "home")


def copied(layout: Layout, *, keeps_time: bool = False) -> None:
    """The copy sorts before its original."""
    (shutil.copy2 if keeps_time else shutil.copy)(node_path(layout, OFFICE), node_path(layout, OLD))


def record(layout: Layout) -> None:
    """The daemon looked, a while after the last change."""
    layout.run.mkdir(parents=True, exist_ok=True)
    assert renew_copy(layout, {}, time.time_ns() + 10**10)


def lines(layout: Layout) -> set[str]:
    return set(key_lines(layout.authorized_keys.read_bytes()))


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
def test_key_lines_tell_the_rights_of_a_node(one: Node) -> None:
    content = "".join(f"{line}\n" for line in render_lines(one, COMMAND)).encode()

    found = described(node_by_lines(key_lines(content)[one.name]), one)

    assert found == one


def test_a_line_that_is_cut_off_gives_nothing_and_stops_nothing(layout: Layout) -> None:
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
def test_a_copy_of_a_file_lets_no_disabled_node_in_again(
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


def test_what_a_broken_node_keeps_is_nobody_elses(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    add(layout, node("barn", 2, (20003,)), COMMAND)
    node_path(layout, NodeName("barn")).write_bytes(node_toml(node("barn", 2, (20010,))))
    node_path(layout, NodeName("shed")).write_bytes(node_toml(node("shed", 3, (20003,))))

    assert read_registry(layout.nodes).broken == {"barn", "shed"}


How = Literal["syntax", "value", "bytes", "size", "link", "directory"]
HOWS = get_args(How)


def damage(path: Path, how: How) -> None:
    match how:
        case "syntax":
            path.write_text("public_key = ")
        case "value":
            path.write_bytes(path.read_bytes().replace(b"20010", b"99999"))
        case "bytes":
            path.write_bytes(b"\xff\xfe")
        case "size":
            path.write_bytes(b"#" * (2 << 20))
        case "link":
            path.unlink()
            path.symlink_to("nowhere")
        case "directory":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize("how", HOWS)
def test_a_node_whose_file_cannot_be_read_keeps_what_it_had(layout: Layout, how: How) -> None:
    add(layout, node(), COMMAND)
    before = layout.authorized_keys.read_bytes()
    record(layout)
    damage(node_path(layout, OFFICE), how)

    write_keys(layout, COMMAND)

    registry = read_known(layout)
    assert registry.nodes[OFFICE] == node()
    assert "still has its rights of " in registry.problems[0]
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
def test_a_node_that_moves_keeps_both_ports_as_one_forwards(layout: Layout, before: Node) -> None:
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
def test_a_broken_node_has_no_port_of_a_move_that_is_over(
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


def test_a_broken_node_without_a_line_claims_no_port_of_another(layout: Layout) -> None:
    add(layout, moving(), COMMAND)
    record(layout)
    change(layout, OFFICE, replace(node(), enabled=False), COMMAND)
    add(layout, node("barn", 2, (TO,)), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    assert places(read_known(layout).nodes[OFFICE]) == [(20010, None)]


def test_a_node_that_was_never_recorded_keeps_its_key_and_ports_and_is_never_judged_by_its_answer(
    layout: Layout,
) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    kept = read_known(layout).nodes[OFFICE]

    assert [(forward.port, forward.expect) for forward in kept.forwards] == [(20010, OPEN)]
    assert kept.public_key == public_key()


@pytest.mark.parametrize("how", HOWS)
def test_disable_takes_the_rights_of_a_broken_file_away_for_good(layout: Layout, how: How) -> None:
    add(layout, node(), COMMAND)
    record(layout)
    damage(node_path(layout, OFFICE), how)

    with locked(layout):
        disable_broken(layout, OFFICE, COMMAND, meanwhile=lambda: None)
    write_keys(layout, COMMAND)

    assert lines(layout) == set()
    assert all(one.barred("2026-01-01") == "disabled" for one in read_known(layout).nodes.values())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(node_toml(node()) + b"oops", id="syntax"),
        pytest.param(b"enabled = true\n" + node_toml(node()) + b"oops", id="said otherwise"),
        pytest.param(b"# enabled = true\n" + node_toml(node()) + b"oops", id="comment"),
    ],
)
def test_a_file_that_is_mended_after_disable_is_that_of_a_disabled_node(
    layout: Layout, content: bytes
) -> None:
    path = node_path(layout, OFFICE)
    path.parent.mkdir(parents=True)
    path.write_bytes(with_disabled(content).removesuffix(b"oops"))

    assert read_node(path) == replace(node(), enabled=False)


def test_what_stops_disable_undoes_it(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")
    before = layout.authorized_keys.read_bytes(), node_path(layout, OFFICE).read_bytes()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disable_broken(layout, OFFICE, COMMAND, meanwhile=stop)

    assert (layout.authorized_keys.read_bytes(), node_path(layout, OFFICE).read_bytes()) == before


@pytest.mark.parametrize("how", HOWS)
def test_remove_forgets_a_node_with_a_broken_file(layout: Layout, how: How) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), how)

    with locked(layout):
        remove(layout, OFFICE, COMMAND)

    assert lines(layout) == set()
    assert read_registry(layout.nodes).broken == frozenset()


def test_a_deleted_file_is_revocation_at_once(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    record(layout)

    node_path(layout, OFFICE).unlink()
    write_keys(layout, COMMAND)

    assert lines(layout) == set()
    assert read_known(layout).nodes == {}


def test_nothing_else_is_changed_of_a_broken_file(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    with locked(layout), pytest.raises(FileBroken, match="only node disable and node remove"):
        change(layout, OFFICE, replace(node(), expires="2031-12-31"), COMMAND)


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


FORGED = [
    pytest.param(node("office", 7, (20010, 443)), id="another key and more ports"),
    pytest.param(
        replace(node(), forwards=tuple(replace(one, public=True) for one in node().forwards)),
        id="public",
    ),
    pytest.param(node("barn", 7, (20003,)), id="a node that is none"),
]


@pytest.mark.parametrize("forged", FORGED)
def test_who_forges_the_record_gains_no_rights(layout: Layout, forged: Node) -> None:
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


DAMAGED = (
    "",
    "[]",
    "{",
    '{"format":1,"nodes":[[1,["office"]]]}',
    '{"format":2,"nodes":[]}',
    '{"format":1,"nodes":5}',
)


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_is_none(layout: Layout, text: str) -> None:
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
    assert stamp(layout.nodes)
