"""An edit writes the keys that it concerns, and what it does not look at is right all the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from checker.config.layout import Layout
from checker.model import Forward, ForwardRequest, Node, NodeName, PortRanges, parse_target
from checker.registry.authorized_keys import gate_command, keys_lag, move_keys
from checker.registry.changed_keys import write_changed_keys
from checker.registry.changes import add, change, remove
from checker.registry.edits import renamed
from checker.registry.index import forget, index_path
from checker.registry.key_files import MOST_CHANGES, Stand
from checker.registry.key_places import faults, read_places
from checker.registry.lock import locked
from checker.registry.many_changes import change_all
from checker.registry.nodes import KeyTaken, PortTaken, allot
from checker.registry.reading import read_registry
from tests.checker.registry.indexed_homes import COUNT, make, name_of, write_index
from tests.checker.registry.registry_files import node_text, write
from tests.checker.registry.test_key_places import cut, lines, read_by_command
from tests.strategies import node, public_key

STANDS = [Stand.FINGERPRINT, Stand.TO_FINGERPRINT, Stand.FILE]


@pytest.fixture
def indexed(layout: Layout) -> Layout:
    make(layout)
    return layout


def box(layout: Layout, number: int) -> Node:
    return read_registry(layout.nodes).node(name_of(number))


def changed(layout: Layout, number: int, after: Node) -> None:
    with locked(layout):
        change(layout, name_of(number), after, gate_command(layout))


def added(layout: Layout, name: str, number: int, port: int) -> None:
    with locked(layout):
        add(layout, node(name, number, (port,)), gate_command(layout))


def removed(layout: Layout, number: int) -> None:
    with locked(layout):
        remove(layout, name_of(number), gate_command(layout))


def all_changed(layout: Layout) -> None:
    nodes = [replace(box(layout, number), enabled=False) for number in (2, 9)]
    with locked(layout):
        change_all(layout, nodes, gate_command(layout))


EDITS: dict[str, Callable[[Layout], None]] = {
    "add": lambda layout: added(layout, "box-05a", 77, 20777),
    "remove": lambda layout: removed(layout, 5),
    "rename": lambda layout: changed(layout, 5, renamed(box(layout, 5), NodeName("a"))),
    "rekey": lambda layout: changed(layout, 5, replace(box(layout, 5), next_key=public_key(78))),
    "disable": lambda layout: changed(layout, 5, replace(box(layout, 5), enabled=False)),
    "several": all_changed,
}


def is_right(layout: Layout) -> bool:
    """Whether the keys are as deriving all of them again would have them."""
    there = read_places(layout.authorized_keys)
    return not keys_lag(layout) and not faults(layout, there)


@pytest.mark.parametrize("stand", STANDS)
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_the_keys_are_right_after_an_edit(
    layout: Layout, stand: Stand, edit: Callable[[Layout], None]
) -> None:
    make(layout, stand)

    edit(layout)

    assert is_right(layout)
    edit_again = read_registry(layout.nodes)
    with locked(layout):
        write_changed_keys(layout, gate_command(layout), edit_again)
    assert is_right(layout)


def test_an_edit_appends_to_the_list_of_keys_and_leaves_other_files_alone(
    indexed: Layout,
) -> None:
    before = {path: path.stat().st_ino for path in indexed.keys.rglob("*.pub")}
    listed = indexed.key_list.read_bytes()

    EDITS["rekey"](indexed)

    now = {path: path.stat().st_ino for path in indexed.keys.rglob("*.pub")}
    assert len(now) == COUNT + 1
    assert before.items() <= now.items()
    assert indexed.key_list.read_bytes().startswith(listed)
    assert indexed.key_list.read_bytes() != listed


def test_a_change_that_concerns_no_key_writes_none(indexed: Layout) -> None:
    listed = indexed.key_list.stat()

    changed(indexed, 5, replace(box(indexed, 5), note="in the attic"))

    found = indexed.key_list.stat()
    assert (found.st_ino, found.st_mtime_ns) == (listed.st_ino, listed.st_mtime_ns)
    assert is_right(indexed)


@pytest.mark.parametrize("stand", STANDS)
def test_an_edit_also_follows_what_somebody_did_by_hand(layout: Layout, stand: Stand) -> None:
    make(layout, stand)
    (layout.nodes / f"{name_of(3)}.toml").unlink()
    write(layout, name_of(4), node_text(88, 20104))
    write(layout, "by-hand", node_text(89, 20888))

    EDITS["add"](layout)

    assert is_right(layout)
    assert public_key(88).encode() in read_places(layout.authorized_keys).present


def test_a_node_that_came_and_went_before_the_index_knew_it_keeps_no_key(indexed: Layout) -> None:
    added(indexed, "short", 77, 20777)
    (indexed.nodes / "short.toml").unlink()

    EDITS["rekey"](indexed)

    assert is_right(indexed)
    assert public_key(77).encode() not in read_by_command(indexed)


def take_port(text: str) -> str:
    return text.replace("port = 20105", "port = 20777")


def take_key(text: str) -> str:
    return text.replace(public_key(6), public_key(77))


@pytest.mark.parametrize(
    ("take", "error"), [(take_port, PortTaken), (take_key, KeyTaken)], ids=["port", "key"]
)
def test_what_a_file_took_by_hand_just_now_is_not_given_again(
    indexed: Layout, take: Callable[[str], str], error: type[Exception]
) -> None:
    path = indexed.nodes / f"{name_of(5)}.toml"
    before = path.stat()
    path.write_text(take(path.read_text()))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(error):
        EDITS["add"](indexed)
    assert 20777 not in {one.port for one in allotted(indexed)} or error is KeyTaken


def allotted(layout: Layout) -> tuple[Forward, ...]:
    """The forward that a new node would get, from a range that begins with the port of `add`."""
    request = ForwardRequest(port=None, target=parse_target("x:1"))
    ports = PortRanges((range(20777, 20780),))
    return allot(read_registry(layout.nodes), NodeName("other"), [request], ports)


def test_a_broken_file_is_left_alone_by_edits_of_others(indexed: Layout) -> None:
    write(indexed, name_of(3), "this is not TOML")
    before = lines(read_by_command(indexed))

    EDITS["add"](indexed)

    assert before < lines(read_by_command(indexed))
    assert is_right(indexed)
    removed(indexed, 3)
    assert is_right(indexed)
    assert public_key(4).encode() not in read_by_command(indexed)


def test_an_index_that_says_more_than_is_true_of_the_keys_is_not_followed(indexed: Layout) -> None:
    """As after a restored copy of the keys: the counts differ, so all lines are derived again."""
    move_keys(indexed, gate_command(indexed), Stand.TO_FINGERPRINT)
    remaining = indexed.nodes / f"{name_of(3)}.toml"
    aside = remaining.rename(remaining.with_name("aside"))
    for stand in (Stand.FILE, Stand.TO_FINGERPRINT, Stand.FINGERPRINT):
        move_keys(indexed, gate_command(indexed), stand)
    aside.rename(remaining)
    write_index(indexed)

    EDITS["add"](indexed)

    assert is_right(indexed)


@pytest.mark.parametrize("name", ["rekey", "remove", "rename"])
def test_a_power_cut_in_an_edit_leaves_nothing_that_the_next_edit_does_not_mend(
    layout: Layout, name: str
) -> None:
    make(layout)
    other = replace(box(layout, 7), enabled=False)
    cuts = 0
    while cut(lambda: EDITS[name](layout), cuts):
        changed(layout, 7, replace(other, enabled=cuts % 2 == 0))
        assert is_right(layout)
        for path in layout.nodes.glob("*.toml"):
            path.unlink()
        make(layout)
        cuts += 1
    assert cuts > 2
    assert is_right(layout)


def test_the_list_is_written_again_when_it_has_too_many_changes(indexed: Layout) -> None:
    with indexed.key_list.open("ab") as file:
        file.write(b"#- nobody\n" * MOST_CHANGES)

    EDITS["rekey"](indexed)

    assert b"#- " not in indexed.key_list.read_bytes()
    assert is_right(indexed)


def test_a_torn_list_is_written_again(indexed: Layout) -> None:
    with indexed.key_list.open("ab") as file:
        file.write(b"restrict,command=")

    assert is_right(indexed)
    EDITS["rekey"](indexed)

    assert indexed.key_list.read_bytes().endswith(b"\n")
    assert is_right(indexed)


def test_a_node_that_an_edit_was_about_to_change_is_looked_at_again(indexed: Layout) -> None:
    with locked(indexed):
        registry = read_registry(indexed.nodes)
        forget(indexed.nodes, registry.nodes, {name_of(5), "unknown"})

    assert set(read_registry(indexed.nodes).indexed.basis.reread) == {name_of(5)}
    assert index_path(indexed.nodes).exists()
