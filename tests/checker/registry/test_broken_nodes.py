"""Nodes whose file is broken: only `disable` and `remove` change them, and both for good."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.layout import Layout
from checker.registry.authorized_keys import write_keys
from checker.registry.broken_nodes import disable_broken, with_disabled
from checker.registry.changes import add, change, remove
from checker.registry.last_good import read_known
from checker.registry.lock import locked
from checker.registry.node_file import node_toml, read_node
from checker.registry.nodes import FileBroken
from checker.registry.reading import node_path, read_registry
from tests.checker.registry.damaged_files import COMMAND, HOWS, How, damage, lines, record
from tests.strategies import OFFICE, node


@pytest.mark.parametrize("how", HOWS)
def test_disable_revokes_the_rights_of_a_broken_file_for_good(layout: Layout, how: How) -> None:
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
def test_a_file_that_is_repaired_after_disable_is_still_disabled(
    layout: Layout, content: bytes
) -> None:
    path = node_path(layout, OFFICE)
    path.parent.mkdir(parents=True)
    path.write_bytes(with_disabled(content).removesuffix(b"oops"))

    assert read_node(path) == replace(node(), enabled=False)


def test_a_disable_that_fails_is_undone(layout: Layout) -> None:
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


def test_no_other_change_touches_a_broken_file(layout: Layout) -> None:
    add(layout, node(), COMMAND)
    damage(node_path(layout, OFFICE), "syntax")

    with locked(layout), pytest.raises(FileBroken, match="only node disable and node remove"):
        change(layout, OFFICE, replace(node(), expires="2031-12-31"), COMMAND)
