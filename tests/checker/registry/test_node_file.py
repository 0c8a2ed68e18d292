"""A node's file: unknown keys, keys of the admin's own, and comments stay and harm nothing."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import Node, NodeName, Port, parse_expect, parse_target
from checker.registry.changes import change
from checker.registry.edits import renamed
from checker.registry.key_lines import GateCommand
from checker.registry.last_good import read_known
from checker.registry.lock import locked
from checker.registry.node_file import node_toml, read_node
from checker.registry.reading import node_path, read_registry
from tests.strategies import public_key

OFFICE = NodeName("office")
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
LATER = f"""# the bakery's router
public_key = "{public_key(1)}"   # Anna's
added_at = 5
x-owner = "anna"
tags = ["bakery"]
note = "key under the mat"

# its web page
[[forward]]
port = 20010
target = "127.0.0.1:80"  # lighttpd
expect = "http"
weight = 3

# its ssh
[[forward]]
port = 20011
target = "127.0.0.1:22"
expect = "banner:SSH-"
publish = [{{port = 443, sni = "a.org", alpn = "h2"}}]
x-floor = 2

[enrolment]
by = "anna"
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = home_layout(tmp_path)
    made.nodes.mkdir(parents=True)
    made.run.mkdir(exist_ok=True)
    node_path(made, OFFICE).write_text(LATER)
    return made


def edited(layout: Layout, after: Node) -> str:
    """The file after a change to this node."""
    with locked(layout):
        change(layout, OFFICE, after, COMMAND)
    return node_path(layout, after.name).read_text()


def test_keys_of_a_later_version_do_no_harm(layout: Layout) -> None:
    registry = read_registry(layout.nodes)

    assert registry.broken == frozenset()
    assert registry.nodes[OFFICE].ports == (20010, 20011)
    assert registry.problems == ()


def test_each_unknown_key_is_named_but_not_the_admins_own(layout: Layout) -> None:
    node = read_node(node_path(layout, OFFICE))

    assert node.unknown_keys == (
        "unknown key 'enrolment'",
        "forward 1: unknown key 'weight'",
        "forward 2: publish 1: unknown key 'alpn'",
    )


def test_a_typing_error_is_shown_with_the_key_that_was_meant(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    path.write_text(LATER.replace("expect = ", "expct = ", 1))

    assert "forward 1: unknown key 'expct' (did you mean 'expect'?)" in read_node(path).unknown_keys


def test_there_is_one_sentence_about_all_unknown_keys(layout: Layout) -> None:
    other = f'public_key = "{public_key(2)}"\ncolour = "red"\n'
    node_path(layout, NodeName("shed")).write_text(other)

    said = read_registry(layout.nodes).unknown_keys

    assert said.startswith("node office: unknown key 'enrolment'; ")
    assert said.endswith(
        "unknown key 'alpn', and in another file; such keys and values are kept and have no effect"
    )


def test_the_last_good_copy_reads_the_same_with_unknown_keys(layout: Layout) -> None:
    assert read_known(layout).nodes[OFFICE] == read_node(node_path(layout, OFFICE))


def test_a_change_leaves_comments_order_and_foreign_keys(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))

    text = edited(layout, replace(before, enabled=False))

    assert text == LATER.replace(
        'note = "key under the mat"\n', 'note = "key under the mat"\nenabled = false\n'
    )


def test_undoing_a_change_restores_the_file(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))
    changed = replace(before, expires="2030-01-01", next_key=public_key(9))

    edited(layout, changed)

    assert edited(layout, before) == LATER


def test_a_forward_keeps_its_comments_when_its_port_changes(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))
    first, second = before.forwards

    after = replace(before, forwards=(replace(first, port=Port(20400)), second))
    text = edited(layout, after)

    assert 'port = 20400\ntarget = "127.0.0.1:80"  # lighttpd\n' in text
    assert "weight = 3" in text
    assert "alpn" in text


def test_a_removed_forward_takes_only_its_own_comments(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))

    text = edited(layout, replace(before, forwards=before.forwards[1:]))

    assert "its web page" not in text
    assert "# its ssh\n[[forward]]\nport = 20011\n" in text
    assert tomllib.loads(text)["enrolment"] == {"by": "anna"}


def test_forwards_change_places_with_their_comments(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))

    text = edited(layout, replace(before, forwards=before.forwards[::-1]))

    assert text.index("# its ssh") < text.index("# its web page")
    assert read_node(node_path(layout, OFFICE)).forwards == before.forwards[::-1]


def test_a_new_forward_comes_after_the_others(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))
    new = replace(
        before.forwards[0],
        port=Port(20012),
        target=parse_target("192.0.2.1:25"),
        expect=parse_expect("open"),
    )

    text = edited(layout, replace(before, forwards=(*before.forwards, new)))

    assert LATER[LATER.index("# its web page") : LATER.index("[enrolment]")] in text
    assert read_node(node_path(layout, OFFICE)).forwards[2] == new


def test_forwards_written_inline_become_tables_with_their_foreign_keys(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    inline = '[{port = 20010, target = "x:1", expect = "open", weight = 3}]'
    path.write_text(f'public_key = "{public_key(1)}"\nforward = {inline}\n')
    before = read_node(path)

    text = edited(layout, replace(before, enabled=False))

    assert tomllib.loads(text)["forward"][0]["weight"] == 3
    assert read_node(path) == replace(before, enabled=False)


def test_a_renamed_node_keeps_its_comments(layout: Layout) -> None:
    before = read_node(node_path(layout, OFFICE))

    assert edited(layout, renamed(before, NodeName("bakery"))) == LATER


def test_text_that_only_looks_like_a_table_does_not_mislead(layout: Layout) -> None:
    path = node_path(layout, OFFICE)
    path.write_text(LATER.replace('"key under the mat"', '"""\n[[forward]]\nport = 1\n"""'))
    before = read_node(path)

    edited(layout, replace(before, enabled=False))

    assert read_node(path) == replace(before, enabled=False)


def test_a_new_file_omits_default_values(layout: Layout) -> None:
    node = replace(read_node(node_path(layout, OFFICE)), enabled=False)

    assert tomllib.loads(node_toml(node).decode())["enabled"] is False
