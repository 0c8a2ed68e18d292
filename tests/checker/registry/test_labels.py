"""Tags and note of a node's file: a wrong one costs no rights, and stays in the file."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from checker.config.layout import Layout
from checker.model import Node
from checker.registry.authorized_keys import write_keys
from checker.registry.changes import add, change
from checker.registry.edits import describe, renamed, revoked
from checker.registry.last_good import read_known, record_path
from checker.registry.node_file import node_toml, read_node
from checker.registry.node_rows import node_from_row, node_list
from checker.registry.reading import node_path, read_registry
from tests.checker.registry.damaged_files import COMMAND, damage, record
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import OFFICE, node

LABELLED = replace(node(), tags=("openwrt", "site-a"), note="key at the bäckerei")
MANY = ", ".join(f'"t{number:02}"' for number in range(18))


@pytest.mark.parametrize(
    ("line", "clause", "tags"),
    [
        ('tags = "site-a"', 'tags must be a list, as in tags = ["site-a"]', ()),
        ('tags = ["b", "Site A", "a"]', "tags: 'Site A' cannot be a tag", ("a", "b")),
        ("tags = [[1], 7]", "tags: '[1]' cannot be a tag", ("7",)),
        (
            f"tags = [{MANY}]",
            "tags: 't16' is one too many; a node can have 16",
            tuple(f"t{number:02}" for number in range(16)),
        ),
        ("note = 5", "note must be a text", ()),
        (r'note = "a\nb"', "note: 'a\\nb' cannot be a note", ()),
        (f'note = "{"x" * 201}"', "note: a note can have 200 characters, not 201", ()),
    ],
)
def test_a_wrong_label_is_named_and_costs_no_rights(
    layout: Layout, line: str, clause: str, tags: tuple[str, ...]
) -> None:
    write(layout, "office", f"{line}\n{node_text()}")

    registry = read_registry(layout.nodes)

    found = registry.nodes[OFFICE]
    assert (registry.broken, registry.problems) == (frozenset(), ())
    assert (found.tags, found.note) == (tags, "")
    assert found.unknown_keys[0].startswith(clause)
    assert f"node office: {clause}" in registry.unknown_keys


@pytest.mark.parametrize(
    "line",
    [
        'tags = "site-a"  # hm',
        'tags = ["b",  "Site A", "a"]',
        f"tags = [{MANY}]",
        "note = 5",
        "note = '  attic '",
        'tags = [\n  "b",  # second\n  "a",\n]',
        'tags = ["a", "a"]\nnote = ""',
    ],
)
def test_a_change_of_something_else_leaves_labels_as_written(layout: Layout, line: str) -> None:
    path = write(layout, "office", f"{line}\n{node_text()}")

    text = node_toml(replace(read_node(path), enabled=False), path.read_bytes()).decode()

    assert text.startswith(f"{line}\n")
    assert "enabled = false" in text


def test_a_change_of_tags_keeps_items_that_cannot_be_tags(layout: Layout) -> None:
    path = write(layout, "office", f'tags = ["b", "Site A"]  # places\n{node_text()}')

    text = node_toml(replace(read_node(path), tags=("a", "b")), path.read_bytes()).decode()

    assert text.startswith('tags = ["a", "b", "Site A"]  # places\n')


@pytest.mark.parametrize("kept", [("t00",), ()])
def test_tags_can_be_removed_from_a_list_that_is_too_long(
    layout: Layout, kept: tuple[str, ...]
) -> None:
    path = write(layout, "office", f"# mine\ntags = [{MANY}]\n{node_text()}")
    after = replace(read_node(path), tags=kept)

    path.write_bytes(node_toml(after, path.read_bytes()))

    assert path.read_text().startswith("# mine\n")
    assert read_node(path).tags == kept


def test_a_new_file_says_its_tags_in_one_line() -> None:
    text = node_toml(LABELLED).decode()

    assert 'tags = ["openwrt", "site-a"]\nnote = "key at the bäckerei"\n' in text


def test_labels_survive_a_broken_file_by_the_record(layout: Layout) -> None:
    add(layout, LABELLED, COMMAND)
    record(layout)
    damage(node_path(layout, OFFICE), "syntax")
    write_keys(layout, COMMAND)

    found = read_known(layout).nodes[OFFICE]

    assert (found.tags, found.note) == (LABELLED.tags, LABELLED.note)


def test_a_record_with_a_note_that_no_terminal_can_show_is_not_believed(layout: Layout) -> None:
    add(layout, replace(LABELLED, note="plain"), COMMAND)
    record(layout)
    damage(node_path(layout, OFFICE), "syntax")
    file = record_path(layout)
    file.write_text(file.read_text().replace('"plain"', r'"\u001b[2J"'))

    assert read_known(layout).nodes[OFFICE].tags == ()


@pytest.mark.parametrize(
    "one",
    [
        LABELLED,
        node(),
        replace(node(), tags=("a",)),
        replace(node(), note="a"),
        replace(node(), calls_itself="Old_Box"),
    ],
)
def test_a_copied_row_gives_the_node_back(one: Node) -> None:
    assert node_from_row(node_list(one)) == one


def test_a_node_without_labels_is_copied_as_the_release_before_reads_it() -> None:
    assert len(node_list(node())) == 10
    assert node_from_row(node_list(node())[:9]) == node()


def test_labels_stay_when_a_node_is_renamed(layout: Layout) -> None:
    add(layout, LABELLED, COMMAND)
    change(layout, OFFICE, renamed(LABELLED, node("shed").name), COMMAND)

    after = read_node(node_path(layout, node("shed").name))

    assert (after.tags, after.note) == (LABELLED.tags, LABELLED.note)
    assert not node_path(layout, OFFICE).exists()


def test_each_difference_is_said_and_takes_no_right_away() -> None:
    after = replace(LABELLED, tags=("site-a", "x"), note="")

    assert describe(LABELLED, after) == (
        (None, "tag x added"),
        (None, "tag openwrt removed"),
        (None, "note removed"),
    )
    assert describe(node(), replace(node(), note="attic")) == ((None, "note: attic"),)
    assert revoked(LABELLED, after, "2026-01-01") == ()


def test_a_later_change_removes_a_label_from_the_file(layout: Layout) -> None:
    add(layout, LABELLED, COMMAND)
    change(layout, OFFICE, replace(LABELLED, tags=(), note=""), COMMAND)

    table = tomllib.loads(node_path(layout, OFFICE).read_text())

    assert {"tags", "note"}.isdisjoint(table)
