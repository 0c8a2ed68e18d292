"""Reading only the files that changed gives what reading all of them gives, or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checker.config.layout import Layout
from checker.model import NodeName
from checker.registry.differences import is_same
from checker.registry.index import FEWEST
from checker.registry.nodes import Registry
from checker.registry.partial_reading import read_part
from checker.registry.reading import Cache, read_registry
from tests.checker.registry.indexed_homes import COUNT, make, name_of, write_index
from tests.checker.registry.registry_files import node_text, write

LATER = "zz"
FIRST = "aa"


@pytest.fixture
def made(layout: Layout) -> Layout:
    make(layout)
    return layout


def remove(layout: Layout) -> None:
    (layout.nodes / f"{name_of(3)}.toml").unlink()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param(lambda home: write(home, LATER, node_text(99, 20900)), [LATER], id="added"),
        pytest.param(lambda home: write(home, FIRST, node_text(99, 20900)), [FIRST], id="first"),
        pytest.param(remove, [name_of(3)], id="removed"),
        pytest.param(
            lambda home: write(home, name_of(3), node_text(4, 20900)), [name_of(3)], id="moved"
        ),
        pytest.param(
            lambda home: write(home, f"{name_of(3)}.next", "x").rename(
                home.nodes / f"{name_of(3)}.tmp"
            ),
            [name_of(3)],
            id="nothing",
        ),
    ],
)
def test_a_part_gives_what_all_give(
    made: Layout, change: Callable[[Layout], object], names: list[str]
) -> None:
    cache: Cache = {}
    before = read_registry(made.nodes, cache)
    change(made)

    after = read_part(made.nodes, before, cache, names)

    whole = read_registry(made.nodes)
    assert after is not None
    assert is_same(after, whole)
    assert list(after.nodes) == list(whole.nodes)
    assert is_same(read_registry(made.nodes, cache), whole)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param(lambda home: write(home, name_of(3), "x"), [name_of(3)], id="broken"),
        pytest.param(
            lambda home: write(home, LATER, node_text(99, 20104)), [LATER], id="another's port"
        ),
        pytest.param(lambda home: write(home, "A B", node_text(99, 20900)), ["A B"], id="no name"),
        pytest.param(lambda home: home.nodes.rename(home.nodes.with_name("x")), [], id="no folder"),
        pytest.param(lambda _: None, [f"n{number}" for number in range(101)], id="too many"),
    ],
)
def test_what_one_file_cannot_tell_takes_a_look_at_all(
    made: Layout, change: Callable[[Layout], object], names: list[str]
) -> None:
    cache: Cache = {}
    before = read_registry(made.nodes, cache)
    change(made)

    assert read_part(made.nodes, before, cache, names) is None


def test_a_registry_with_a_broken_file_is_read_as_a_whole(made: Layout) -> None:
    write(made, name_of(3), "x")
    cache: Cache = {}
    before = read_registry(made.nodes, cache)
    write(made, name_of(3), node_text(4, 20103))

    assert read_part(made.nodes, before, cache, [name_of(3)]) is None


def test_readings_that_differ_in_anything_are_not_the_same(made: Layout) -> None:
    before = read_registry(made.nodes)

    write(made, name_of(3), node_text(4, 20103, "shelves = 1"))
    after = read_registry(made.nodes)

    assert is_same(before, read_registry(made.nodes)) is False
    assert after.nodes[name_of(3)].unknown_keys
    assert not is_same(after, Registry())
    assert is_same(after, read_registry(made.nodes))


def test_who_keeps_a_cache_keeps_no_rows_of_the_index(made: Layout) -> None:
    cache: Cache = {}

    kept = read_registry(made.nodes, cache)

    assert len(cache) == COUNT
    assert not kept.indexed.basis.rows
    assert not kept.indexed.basis.reread, "all came from the index"
    assert is_same(kept, read_registry(made.nodes))


def test_a_cache_forgets_nodes_that_are_gone(made: Layout) -> None:
    cache: Cache = {}
    read_registry(made.nodes, cache)
    remove(made)

    read_registry(made.nodes, cache)

    assert NodeName(name_of(3)) not in cache


def test_many_new_nodes_are_taken_from_the_index(layout: Layout) -> None:
    cache: Cache = {}
    write(layout, "n0", node_text(1, 20000))
    read_registry(layout.nodes, cache)
    for number in range(1, FEWEST + 1):
        write(layout, f"n{number}", node_text(number + 1, 20000 + number))
    write_index(layout)

    found = read_registry(layout.nodes, cache)

    assert len(found.nodes) == FEWEST + 1
    assert found.indexed.basis.reread.keys() <= {"n0"}, "it may have changed too recently"
