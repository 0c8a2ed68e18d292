"""The index of the registry: a cache that is never believed against a file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from checker.config.layout import Layout
from checker.model import Node, NodeName
from checker.registry import index
from checker.registry.file_stamps import is_settled
from checker.registry.index import index_path, load_index, update_index, write_whole
from checker.registry.indexed_nodes import IndexedNodes, parsed, row_of
from checker.registry.reading import read_registry
from tests.checker.registry.indexed_homes import (
    COUNT,
    make,
    name_of,
    wait_until_settled,
    write_index,
)
from tests.checker.registry.node_strategies import nodes
from tests.checker.registry.registry_files import node_text, write


@pytest.fixture
def indexed(layout: Layout) -> Layout:
    make(layout)
    return layout


def read(layout: Layout) -> IndexedNodes:
    found = read_registry(layout.nodes).nodes
    assert isinstance(found, IndexedNodes)
    return found


def as_files_say(layout: Layout) -> dict[NodeName, Node]:
    """The nodes, read without the index."""
    path = index_path(layout.nodes)
    aside = path.replace(path.with_name("aside"))
    try:
        return dict(read(layout))
    finally:
        aside.replace(path)


@settings(max_examples=50)
@given(node=nodes())
def test_a_node_comes_back_from_its_row(node: Node) -> None:
    row = row_of(node, b"1 2 3")

    assert parsed(row) == node
    assert not any(b"\t" in column or b"\n" in column for column in row)


def test_files_that_the_index_has_are_not_read(indexed: Layout) -> None:
    found = read(indexed)

    assert found.basis.reread == {}
    assert len(found.basis.rows) == COUNT
    assert dict(found) == as_files_say(indexed)
    assert list(found) == sorted(map(name_of, range(COUNT)))


def in_place(path: Path) -> None:
    """Change a file as some editors do, and put its time back."""
    before = path.stat()
    text = path.read_text()
    path.write_text(text.replace("20105", "20999"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    """Put a file of the same time and size in its place, as a backup does."""
    before = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text().replace("20105", "20999"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def moving(path: Path) -> None:
    """Write what waits for the device into the file beside it."""
    path.with_suffix(".next").write_text("[[move]]\nport = 20105\nnext_port = 20999\nat = 5\n")


@pytest.mark.parametrize("edit", [in_place, replaced, moving])
def test_a_file_that_was_edited_by_hand_is_believed_before_the_index(
    indexed: Layout, edit: Callable[[Path], None]
) -> None:
    edit(indexed.nodes / f"{name_of(5)}.toml")

    found = read(indexed)

    assert 20999 in found[name_of(5)].ports
    assert found.owners()[20999] == name_of(5)  # type: ignore[index]
    assert set(found.basis.reread) == {name_of(5)}


def test_nodes_that_come_and_go_by_hand_are_seen(indexed: Layout) -> None:
    (indexed.nodes / f"{name_of(3)}.toml").unlink()
    write(indexed, "new", node_text(99, 20998))

    found = read(indexed)

    assert name_of(3) not in found
    assert found.basis.gone == {name_of(3)}
    assert found.ports() >= {20998}
    assert 20103 not in found.ports()


DAMAGES = {
    "empty": lambda text: b"",
    "cut off": lambda text: text[:-25],
    "zeros": lambda text: text[:900] + b"\0" * 400 + text[1300:],
    "a digit": lambda text: text.replace(b"20105", b"20195"),
    "two lines in one": lambda text: text.replace(b"\n", b"", 3),
    "another version": lambda text: text.replace(b"reversi ", b"reversi 9", 1),
    "not ours": lambda text: b"\xff\t\xfe\n" * 9,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_line_is_as_if_it_were_not_there(
    indexed: Layout, damage: Callable[[bytes], bytes]
) -> None:
    path = index_path(indexed.nodes)
    right = as_files_say(indexed)

    path.write_bytes(damage(path.read_bytes()))

    assert dict(read(indexed)) == right


def test_what_is_appended_after_a_line_that_was_cut_off_counts(indexed: Layout) -> None:
    path = index_path(indexed.nodes)
    path.write_bytes(path.read_bytes()[:-25])
    wait_until_settled(indexed)
    found = read(indexed)
    assert len(found.basis.rows) == COUNT - 1

    assert not index.append(indexed.nodes, found.basis, [])
    write_whole(indexed.nodes, found.basis, index.new_rows(found, ()))

    assert len(load_index(indexed.nodes)[0]) == COUNT


def test_a_file_that_changed_just_now_is_not_in_the_index_yet(indexed: Layout) -> None:
    changed_ns = write(indexed, "new", node_text(99, 20998)).stat().st_ctime_ns

    new = list(index.new_rows(read(indexed), ()))
    if not is_settled(changed_ns, time.time_ns()):  # we may have stood still meanwhile
        assert new == []

    wait_until_settled(indexed)
    assert [row[1] for row in index.new_rows(read(indexed), ())] == [b"new"]


def test_nodes_that_went_are_noted_once(indexed: Layout) -> None:
    (indexed.nodes / f"{name_of(3)}.toml").unlink()
    found = read(indexed)

    assert index.append(indexed.nodes, found.basis, index.new_rows(found, ()))

    again = read(indexed)
    assert (again.basis.gone, again.basis.dead) == (frozenset(), 2)


def test_a_small_registry_has_no_index(layout: Layout) -> None:
    make(layout)
    index_path(layout.nodes).unlink()
    wait_until_settled(layout)

    update_index(layout.nodes, read_registry(layout.nodes).nodes, ())

    assert not index_path(layout.nodes).exists()


def test_the_index_shows_nobody_more_than_the_files_do(layout: Layout) -> None:
    make(layout)
    layout.nodes.parent.chmod(0o755)
    write_index(layout)
    assert index_path(layout.nodes).stat().st_mode & 0o777 == 0o644
    found = read(layout)

    (layout.nodes / f"{name_of(3)}.toml").chmod(0o600)
    closed = read(layout)

    assert index.append(layout.nodes, found.basis, [])
    assert not index.append(layout.nodes, closed.basis, [])
    write_index(layout)
    assert index_path(layout.nodes).stat().st_mode & 0o777 == 0o600
