"""Changes of the registry: whole, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import (
    InvalidValue,
    Node,
    NodeName,
)
from checker.registry.changes import add, change, remove, use_new_key
from checker.registry.edits import renamed
from checker.registry.file_stamps import stamp
from checker.registry.nodes import (
    KeyTaken,
    NameTaken,
    PortTaken,
    PortTwice,
    UnknownNode,
)
from checker.registry.reading import read_registry
from tests.checker.registry.registry_files import COMMAND, write
from tests.strategies import OFFICE, node, public_key


def test_a_node_that_is_added_gets_its_file_and_its_key_line(layout: Layout) -> None:
    add(layout, node(), COMMAND)

    assert read_registry(layout.nodes).nodes == {"office": node()}
    assert layout.authorized_keys.read_text().endswith("reversi:office\n")


@pytest.mark.parametrize(
    ("other", "error"),
    [
        pytest.param(node("office", 2, (20011,)), NameTaken, id="name"),
        pytest.param(node("b", 2, (20010,)), PortTaken, id="port"),
        pytest.param(node("b", 1, (20011,)), KeyTaken, id="key"),
        pytest.param(node("b", 2, (20011, 20011)), PortTwice, id="port twice"),
    ],
)
def test_a_node_with_anothers_name_port_or_key_is_not_added(
    layout: Layout, other: Node, error: type[Exception]
) -> None:
    add(layout, node(), COMMAND)
    before = (stamp(layout.nodes), layout.authorized_keys.read_bytes())

    with pytest.raises(error):
        add(layout, other, COMMAND)

    assert (stamp(layout.nodes), layout.authorized_keys.read_bytes()) == before


def test_the_name_of_a_broken_file_is_taken_too(layout: Layout) -> None:
    write(layout, "office", "broken")

    with pytest.raises(NameTaken):
        add(layout, node(), COMMAND)


def test_a_node_whose_key_line_cannot_be_written_is_not_registered(layout: Layout) -> None:
    layout.authorized_keys.mkdir(parents=True)

    with pytest.raises(ConfigError, match="authorized_keys"):
        add(layout, node(), COMMAND)

    assert read_registry(layout.nodes).nodes == {}


def test_removing_a_node_removes_only_its_own_line(layout: Layout) -> None:
    layout.authorized_keys.parent.mkdir()
    layout.authorized_keys.write_text("ssh-rsa AAAA admin\n")
    add(layout, node(), COMMAND)
    add(layout, node("b", 2, (20011,)), COMMAND)

    remove(layout, OFFICE, COMMAND)

    assert layout.authorized_keys.read_text().startswith("ssh-rsa AAAA admin\n")
    assert "reversi:office" not in layout.authorized_keys.read_text()
    assert "reversi:b" in layout.authorized_keys.read_text()


def test_an_unknown_node_cannot_be_removed(layout: Layout) -> None:
    with pytest.raises(UnknownNode):
        remove(layout, OFFICE, COMMAND)


def test_remove_moves_a_directory_in_the_place_of_a_file_aside(layout: Layout) -> None:
    (layout.nodes / "office.toml").mkdir(parents=True)

    remove(layout, OFFICE, COMMAND)

    assert read_registry(layout.nodes).broken == frozenset()
    assert len(list(layout.nodes.glob(".office.toml.removed-*"))) == 1


def test_a_key_that_waits_cannot_be_given_to_another_node(layout: Layout) -> None:
    waiting = replace(node(), next_key=public_key(2))
    add(layout, waiting, COMMAND)

    for key in (public_key(1), public_key(2)):
        with pytest.raises(KeyTaken, match="belongs to node office"):
            add(layout, replace(node("b", 3, (20011,)), next_key=key), COMMAND)
        with pytest.raises(KeyTaken, match="belongs to node office"):
            add(layout, replace(node("b", 3, (20011,)), public_key=key), COMMAND)


def test_a_change_that_fails_is_undone(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    before = (stamp(layout.nodes), layout.authorized_keys.read_bytes())
    meanwhile = []

    def fails() -> None:
        meanwhile.append(layout.authorized_keys.read_bytes())
        raise InvalidValue("not allowed")

    with pytest.raises(InvalidValue, match="not allowed"):
        change(layout, OFFICE, replace(node(), enabled=False), COMMAND, meanwhile=fails)

    assert meanwhile == [b""], "what is ended meanwhile cannot come back"
    assert (stamp(layout.nodes), layout.authorized_keys.read_bytes()) == before


def test_a_rename_to_a_taken_name_is_refused(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    write(layout, "b", "broken")

    with pytest.raises(NameTaken, match="node b is registered already"):
        change(layout, OFFICE, renamed(node(), NodeName("b")), COMMAND)


def test_a_new_key_replaces_the_old_one_once_it_was_used(layout: Layout) -> None:
    add(layout, replace(node(), next_key=public_key(2)), COMMAND)

    assert use_new_key(layout, OFFICE, COMMAND) == replace(node(), public_key=public_key(2))
    assert use_new_key(layout, OFFICE, COMMAND).public_key == public_key(2)
    assert layout.authorized_keys.read_text().count("reversi:office") == 1
    with pytest.raises(UnknownNode):
        use_new_key(layout, NodeName("b"), COMMAND)
