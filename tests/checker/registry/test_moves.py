"""What waits for a device, in the files of the registry: a new key, or a new port.

Tests checker.registry.changes and checker.registry.waiting together.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.haproxy.config_text import backend
from checker.model import ForwardRequest, NodeName, PortRanges
from checker.registry.changes import add, kept_key_path, remove
from checker.registry.file_stamps import signs
from checker.registry.key_lines import render_lines
from checker.registry.lock import locked
from checker.registry.node_file import NODE_KEYS, node_toml, read_node
from checker.registry.nodes import PortTaken, allot, conflict
from checker.registry.reading import node_path, read_registry
from checker.registry.snapshot import copied_nodes, write_copy
from checker.registry.waiting import waiting_path
from tests.checker.registry.moving_nodes import COMMAND, TO, changed, moving, moving_home
from tests.strategies import OFFICE, node, public_key


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return moving_home(tmp_path)


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


def test_a_rename_takes_along_what_waits(layout: Layout) -> None:
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


def test_a_released_versions_registry_shows_since_when_a_key_waits(
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
def test_an_unreadable_waiting_file_leaves_the_node_its_lines(layout: Layout, text: str) -> None:
    path = waiting_path(node_path(layout, OFFICE))
    path.write_text(f"{text}# next_port = 20777\n")

    with pytest.raises(ConfigError, match=r"office\.next"):
        read_node(node_path(layout, OFFICE))
    registry = read_registry(layout.nodes)
    assert registry.broken == {OFFICE}
    assert {20010, 20011, 20777} <= registry.broken_ports


def test_both_ports_of_a_move_belong_to_the_node(layout: Layout) -> None:
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
        forward.port
        for forward in allot(registry, OFFICE, [request], PortRanges((range(20500, 20502),)))
    ] == [20501]
    assert ":20010" in backend(after.forwards[0], "127.0.0.1"), (
        "visitors come by the old port until the device is on the new one"
    )
    with locked(layout), pytest.raises(PortTaken):
        add(layout, node("b", 2, (20500,)), COMMAND)


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
