"""When a new key or port takes the old one's place, and the file that remembers what waits."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.config.toml_file import ConfigError
from checker.haproxy.config_text import backend
from checker.linux.processes import read_process
from checker.model import Forward, ForwardRequest, Node, NodeName, Port, ProcessId
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add, change, kept_key_path, remove
from checker.registry.edits import (
    describe,
    let_go,
    moved,
    with_forward,
    with_moved_alone,
    with_rights_since,
)
from checker.registry.file_stamps import signs
from checker.registry.key_lines import GateCommand, render_lines
from checker.registry.lock import locked
from checker.registry.node_file import NODE_KEYS, node_toml, read_node
from checker.registry.nodes import PortTaken, allot, conflict
from checker.registry.reading import node_path, read_registry
from checker.registry.snapshot import copied_nodes, write_copy
from checker.registry.succession import (
    OVERDUE_S,
    STEADY_S,
    has_followed,
    moving_note,
    old_key_note,
    overdue,
)
from checker.registry.waiting import waiting_path
from checker.state.beats import beat_file, key_file, note_key, noted_key, remove_dead
from checker.tunnels import key_rotation
from tests.strategies import OFFICE, node, public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
TO = Port(20500)


def moving(before: Node, to: Port = TO) -> Node:
    """The node with its first forward on the move."""
    return with_forward(before, before.forwards[0], moved(before.forwards[0], to, now=False))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path / "home")
    with locked(made):
        add(made, node(ports=(20010, 20011)), COMMAND)
    return made


def changed(layout: Layout, after: Node) -> Node:
    with locked(layout):
        change(layout, OFFICE, after, COMMAND)
    return read_registry(layout.nodes).node(after.name)


@pytest.mark.parametrize(
    ("first", "last", "carried", "expected"),
    [
        pytest.param(None, None, 99.0, False, id="never beat"),
        pytest.param(10.0, 10.0, None, False, id="one beat"),
        pytest.param(10.0, 10.0, 10.0 + STEADY_S - 1, False, id="a probe soon after"),
        pytest.param(10.0, 10.0, 10.0 + STEADY_S, True, id="a probe long after"),
        pytest.param(10.0, 20.0, None, True, id="two beats"),
    ],
)
def test_a_device_has_followed_once_it_goes_on_after_its_first_beat(
    first: float | None, last: float | None, carried: float | None, expected: bool
) -> None:
    assert has_followed(first, last, carried) is expected


def test_a_move_leaves_the_nodes_own_file_as_a_released_version_reads_it(layout: Layout) -> None:
    before = node_path(layout, OFFICE).read_bytes()

    after = changed(
        layout, replace(moving(read_registry(layout.nodes).node(OFFICE)), next_key=public_key(2))
    )

    assert (after.forwards[0].port, after.forwards[0].next_port) == (20010, TO)
    assert after.next_key_at >= after.added_at
    table = tomllib.loads(node_path(layout, OFFICE).read_text())
    assert set(table) <= set(NODE_KEYS)
    assert table.pop("next_key") == public_key(2)
    assert table == tomllib.loads(before.decode())


def test_what_waits_goes_along_and_leaves_nothing_behind(layout: Layout) -> None:
    changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))
    assert read_registry(layout.nodes).node(OFFICE).forwards[0].next_port == TO

    renamed = replace(read_registry(layout.nodes).node(OFFICE), name=NodeName("lobby"))
    renamed = replace(
        renamed, forwards=tuple(replace(forward, node=renamed.name) for forward in renamed.forwards)
    )
    assert changed(layout, renamed).forwards[0].next_port == TO
    assert not waiting_path(node_path(layout, OFFICE)).exists()
    with locked(layout):
        remove(layout, renamed.name, COMMAND)

    assert [path.name for path in layout.nodes.iterdir() if not path.name.startswith(".")] == []
    assert kept_key_path(layout, OFFICE).exists() is False


def test_a_registry_of_a_released_version_tells_since_when_there_are_two_keys(
    layout: Layout,
) -> None:
    path = node_path(layout, OFFICE)
    path.write_bytes(node_toml(replace(read_node(path), next_key=public_key(2))))

    assert read_node(path).next_key_at == int(path.stat().st_mtime)

    waiting_path(path).write_text(f'key = "{public_key(3)}"\nkey_at = 7\n')
    assert read_node(path).next_key_at == int(path.stat().st_mtime), "it is about another key"
    waiting_path(path).write_text(
        f'key = "{public_key(2)}"\nkey_at = 7\n[[move]]\nport = 1\nnext_port = 2\nat = 3\n'
    )
    assert read_node(path).next_key_at == 7
    assert read_node(path).ports == (
        20010,
        20011,
    ), "what is about no port of its own is passed over"


@pytest.mark.parametrize(
    "text",
    [
        "move = 3\n",
        "[[move]]\nport = 20010\n",
        '[[move]]\nport = 1\nnext_port = "x"\n',
        "x",
    ],
)
def test_a_file_that_can_not_be_read_leaves_the_node_the_line_that_it_has(
    layout: Layout, text: str
) -> None:
    path = waiting_path(node_path(layout, OFFICE))
    path.write_text(f"{text}# next_port = 20777\n")

    with pytest.raises(ConfigError, match=r"office\.next"):
        read_node(node_path(layout, OFFICE))
    registry = read_registry(layout.nodes)
    assert registry.broken == {OFFICE}
    assert {20010, 20011, 20777} <= registry.broken_ports


def test_both_ports_of_a_move_are_the_nodes(layout: Layout) -> None:
    after = changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))
    registry = read_registry(layout.nodes)

    (line,) = render_lines(after, COMMAND)
    assert [f'permitlisten="localhost:{port}"' in line for port in (20010, 20500, 20011)] == [
        True
    ] * 3
    assert registry.owner(20010) == registry.owner(20500) == after
    assert isinstance(conflict(node("b", 2, (20500,)), [after]), PortTaken)
    assert isinstance(conflict(moving(node("b", 2, (20700,))), [after]), PortTaken)
    request = ForwardRequest(port=None, target=after.forwards[0].target)
    assert [
        forward.port for forward in allot(registry, OFFICE, [request], range(20500, 20502))
    ] == [20501]
    assert ":20010" in backend(after.forwards[0], "127.0.0.1"), (
        "visitors come by the old port until the device is on the new one"
    )
    with locked(layout), pytest.raises(PortTaken):
        add(layout, node("b", 2, (20500,)), COMMAND)


def test_a_move_costs_no_connection_its_right(layout: Layout) -> None:
    before = read_registry(layout.nodes).node(OFFICE)

    during = with_rights_since(before, moving(before), 9)
    after = with_rights_since(during, with_moved_alone(during, TO), 20)

    assert (during.key_since, during.forwards[0].next_port_at) == (0, 9)
    assert let_go(before, during, "2026-01-01") == ()
    assert (after.key_since, after.ports) == (0, (TO, 20011))
    (single,) = (
        with_moved_alone(with_rights_since(one, moving(one), 9), TO)
        for one in [node(ports=(20010,))]
    )
    assert single.key_since == 9, "its one connection is not older"
    assert with_moved_alone(after, Port(1)) == after
    assert [text for _, text in describe(before, during)] == [
        "moves to port 20500; 20010 stays its own until its device listens on 20500"
    ]
    stays = with_forward(
        during, during.forwards[0], moved(during.forwards[0], Port(20010), now=False)
    )
    assert [text for _, text in describe(during, stays)] == [
        "stays on port 20010; 20500 is its own no more"
    ]
    assert [text for _, text in describe(during, after)] == ["moved from port 20010 to 20500"]
    assert let_go(
        before,
        with_forward(before, before.forwards[0], moved(before.forwards[0], TO, now=True)),
        "2026-01-01",
    ) == (before.forwards[0],)


def test_the_copy_of_the_registry_holds_what_waits(layout: Layout) -> None:
    layout.run.mkdir(parents=True, exist_ok=True)
    after = changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))
    write_copy(layout, {OFFICE: after}, signs(layout.nodes)[0], public=True)

    copied = copied_nodes(layout)

    assert copied == {OFFICE: after}
    assert copied is not None
    assert copied[OFFICE].forwards[0].next_port_at == after.forwards[0].next_port_at
    waiting_path(node_path(layout, OFFICE)).unlink()
    assert copied_nodes(layout) is None


def test_a_row_says_what_waits() -> None:
    forward: Forward = moving(node()).forwards[0]

    assert moving_note(node().forwards[0], None) == ""
    assert (
        moving_note(forward, forward.port)
        == moving_note(forward, None)
        == "still on port 20010; moves to 20500"
    )
    assert (
        moving_note(forward, TO)
        == "on port 20500; 20010 stays its own until its device is sure to stay"
    )
    assert old_key_note(node()) == ""
    assert (
        old_key_note(replace(node(), next_key=public_key(2), next_key_at=1_700_000_000))
        == "old key still valid since 2023-11-14"
    )
    shared = replace(node(), public_key="shared", next_key=public_key(2), next_key_at=1_700_000_000)
    assert old_key_note(shared) == "shared key still valid since 2023-11-14"


def test_what_waits_for_a_month_is_named_with_the_way_out() -> None:
    waiting = with_rights_since(
        None, replace(moving(node()), next_key=public_key(2)), 1_700_000_000
    )

    assert overdue(waiting, 1_700_000_000 + OVERDUE_S) == ()
    assert overdue(waiting, 1_700_000_001 + OVERDUE_S) == (
        ("office: old key still valid since 2023-11-14", "node rekey office --now"),
        (
            "office: still on port 20010; moves to 20500 since 2023-11-14",
            "node move office 20010 20500 --now",
        ),
    )


def test_root_ends_a_port_that_was_noted(layout: Layout) -> None:
    changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))
    key_rotation.notes(layout).parent.mkdir(parents=True, exist_ok=True)
    key_rotation.note(layout, OFFICE, TO)
    (key_rotation.notes(layout) / "office:x").touch()

    troubles = key_rotation.settle(layout)

    assert [trouble.split(": ")[0] for trouble in troubles] == ["office:x"]
    assert read_registry(layout.nodes).node(OFFICE).ports == (TO, 20011)
    assert not waiting_path(node_path(layout, OFFICE)).exists()
    assert "20010" not in layout.authorized_keys.read_text()
    assert gate_command(layout).home


def test_a_connections_key_is_remembered_and_forgotten_with_it(tmp_path: Path) -> None:
    process = read_process(os.getpid())
    assert process is not None
    gone = ProcessId(pid=process.id.pid, start_ticks=process.id.start_ticks + 1)
    (tmp_path / "key.junk").write_text("x")
    key_file(tmp_path, gone).symlink_to(tmp_path / "elsewhere")

    for session in (process.id, gone):
        note_key(tmp_path, session, "SHA256:x")
    beat_file(tmp_path, process.id).touch()

    assert noted_key(tmp_path, process.id) == noted_key(tmp_path, gone) == "SHA256:x"
    assert not (tmp_path / "elsewhere").exists()
    remove_dead(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        beat_file(tmp_path, process.id).name,
        key_file(tmp_path, process.id).name,
    }
    assert noted_key(tmp_path, gone) == ""
    note_key(tmp_path / "nowhere", process.id, "x")


def test_a_present_port_ends_a_move(layout: Layout) -> None:
    during = changed(layout, moving(read_registry(layout.nodes).node(OFFICE)))

    after = changed(
        layout,
        with_forward(during, during.forwards[0], moved(during.forwards[0], Port(20010), now=False)),
    )

    assert after.ports == (20010, 20011)
    assert not waiting_path(node_path(layout, OFFICE)).exists()
