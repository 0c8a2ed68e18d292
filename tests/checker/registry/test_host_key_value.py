"""A broken value that gives no rights: it is named, stays in the file, and breaks no node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import HOSTKEY, SSH_BANNER, Node
from checker.registry.changes import change
from checker.registry.edits import with_forward
from checker.registry.host_key_value import broken_host_key, host_key_in, is_broken_host_key
from checker.registry.key_lines import GateCommand
from checker.registry.lock import locked
from checker.registry.node_file import node_toml, read_node
from checker.registry.node_rows import forward_list, node_from_row, node_list
from checker.registry.reading import node_path, read_registry
from tests.strategies import OFFICE, node, public_key

COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
KEY = public_key(7)
BROKEN = {
    "not a key": '"SHA256:abc"',
    "cut off": f'"{public_key(7)[:-8]}"',
    "empty": '""',
    "a number": "7",
    "a list": '["ssh-ed25519"]',
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path)
    made.nodes.mkdir(parents=True)
    made.run.mkdir(exist_ok=True)
    node_path(made, OFFICE).write_bytes(node_toml(node()))
    return made


def edited(layout: Layout, after: Node) -> str:
    """The file after a change to this node."""
    with locked(layout):
        change(layout, OFFICE, after, COMMAND)
    return node_path(layout, after.name).read_text()


def pinned(one: Node, key: str = KEY) -> Node:
    forward = one.forwards[0]
    return with_forward(one, forward, replace(forward, host_key=key))


def test_a_host_key_is_kept_per_forward_without_its_comment(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    path.write_text(f'{path.read_text()}host_key = "{KEY} root@office"\n')

    found = read_node(path)

    assert found == pinned(node())
    assert found.unknown_keys == ()
    assert f'host_key = "{KEY}"\n' in edited(layout, found)


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
def test_a_broken_value_is_named_stays_and_costs_no_rights(layout: Layout, value: str) -> None:
    path = node_path(layout, OFFICE)
    path.write_text(f"{path.read_text()}host_key = {value}  # mine\n")

    registry = read_registry(layout.nodes)

    assert registry.broken == frozenset()
    assert registry.nodes[OFFICE] == node()
    assert "node office: forward 1: host_key: " in registry.unknown_keys
    assert f"host_key = {value}  # mine\n" in edited(layout, replace(node(), enabled=False))


def test_a_usable_value_replaces_a_broken_one_and_can_be_removed(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    path.write_text(f'{path.read_text()}host_key = "x"\n')

    assert f'host_key = "{KEY}"\n' in edited(layout, pinned(node()))
    assert "host_key" not in edited(layout, node())


def test_a_row_of_the_copy_ends_before_the_host_key_if_there_is_none() -> None:
    assert node_from_row(node_list(node())) == node()
    assert node_from_row(node_list(pinned(node()))) == pinned(node())
    assert len(forward_list(node().forwards[0])) == 11


def test_only_a_host_key_can_be_broken() -> None:
    assert is_broken_host_key("host_key", 7)
    assert not is_broken_host_key("host_key", KEY)
    assert not is_broken_host_key("expect", 7)
    assert host_key_in({"host_key": 7}) == host_key_in({}) == ""
    assert list(broken_host_key({"host_key": KEY, "port": "x"}, "")) == []


def test_hostkey_on_the_shared_key_is_named_and_read_as_a_banner(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    text = node_toml(node()).decode().replace('"open"', '"hostkey"')
    path.write_text(text)
    assert read_node(path).forwards[0].expect == HOSTKEY

    path.write_text(text.replace(public_key(1), "shared"))

    found = read_node(path)
    assert found.forwards[0].expect == SSH_BANNER
    assert found.unknown_keys == (
        "forward 1: expect hostkey needs a key of the node's own; banner:SSH- is used",
    )
    assert read_registry(layout.nodes).broken == frozenset()
