"""Registering the nodes of a table: what an interruption and other admins do to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.adding_many import Steps, TableWish, add_table
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from tests.host_keys import put_host_keys
from tests.strategies import node

TABLE = "name,target\nattic,x:22\nbarn,x:22\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = home_layout(tmp_path / "home")
    put_host_keys(layout)
    (tmp_path / "nodes.csv").write_text(TABLE)
    return layout


def wish(layout: Layout, *, keep: bool = False) -> TableWish:
    beside = layout.nodes.parents[1]
    return TableWish(path=beside / "nodes.csv", folder=beside / "keys", keep=keep)


def steps_that(act: Callable[[str], object]) -> Steps:
    """Progress that calls `act` with each name."""

    @contextlib.contextmanager
    def begin(_: int) -> Iterator[Callable[[str], None]]:
        yield lambda name: void(act(name))

    return begin


def void(_: object) -> None:
    return


def left_in(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.rglob("*") if path.is_file() and "ssh_host" not in path.name
    )


@pytest.mark.parametrize("at", ["key of attic", "key of barn", "attic", "barn"])
def test_an_interruption_leaves_nothing(layout: Layout, at: str) -> None:
    def interrupt(name: str) -> None:
        if name == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_table(layout, wish(layout, keep=True), void, steps_that(interrupt), is_dry=False)

    beside = layout.nodes.parents[1]
    assert [name for name in left_in(beside) if name not in (".lock", "authorized_keys")] == [
        "nodes.csv"
    ]
    assert not (beside / "keys").exists()
    assert read_registry(layout.nodes).nodes == {}


def test_a_node_that_somebody_adds_meanwhile_keeps_all_out(layout: Layout) -> None:
    def another_admin(name: str) -> None:
        if name == "key of barn":
            with locked(layout):
                add(layout, node("barn"), gate_command(layout))

    found = add_table(layout, wish(layout), void, steps_that(another_admin), is_dry=False)

    assert [str(one) for one in found.problems] == ["line 3: node barn is registered already"]
    assert list(read_registry(layout.nodes).nodes) == ["barn"]
    assert not (layout.nodes.parents[1] / "keys").exists()


def test_a_port_that_somebody_takes_meanwhile_is_not_allotted(layout: Layout) -> None:
    def another_admin(name: str) -> None:
        if name == "key of barn":
            with locked(layout):
                add(layout, node("other", ports=(20000,)), gate_command(layout))

    found = add_table(layout, wish(layout), void, steps_that(another_admin), is_dry=False)

    assert [one.node.ports for one in found.nodes] == [(20001,), (20002,)]
