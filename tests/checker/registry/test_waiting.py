"""The file `NAME.next`: what waits is read back, and what is out of date is ignored."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.config.toml_file import ConfigError
from checker.model import Node, Port
from checker.registry.waiting import changed_at, sign_of, waiting_path, waiting_toml, with_waiting
from tests.checker.registry.node_strategies import nodes
from tests.strategies import OFFICE, node, public_key

FROM, TO, LATER = Port(20010), Port(20500), 1_700_000_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The node's own file."""
    path = tmp_path / f"{OFFICE}.toml"
    path.write_text("")
    os.utime(path, (LATER, LATER))
    return path


def moving(one: Node) -> Node:
    first, *others = one.forwards
    return replace(one, forwards=(replace(first, next_port=TO, next_port_at=LATER - 7), *others))


@given(one=nodes(), key_at=st.integers(1, LATER), moves=st.booleans())
def test_what_waits_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, one: Node, key_at: int, moves: bool
) -> None:
    file = tmp_path_factory.mktemp("nodes") / f"{one.name}.toml"
    waits = replace(one, next_key_at=0 if one.next_key is None else key_at)
    waits = moving(waits) if moves and waits.forwards else waits
    if content := waiting_toml(waits):
        waiting_path(file).write_bytes(content)

    assert with_waiting(one, file) == waits


def test_a_node_for_which_nothing_waits_has_no_file(file: Path) -> None:
    assert waiting_toml(node()) == b""
    assert with_waiting(node(), file) == node()


def test_a_move_from_another_port_is_out_of_date(file: Path) -> None:
    waiting_path(file).write_bytes(waiting_toml(moving(node())))

    assert with_waiting(node(ports=(FROM + 1,)), file) == node(ports=(FROM + 1,))


@pytest.mark.parametrize("other", [None, public_key(3)], ids=["no file", "another key"])
def test_a_key_of_unknown_age_is_as_old_as_the_nodes_file(file: Path, other: str | None) -> None:
    waits = replace(node(), next_key=public_key(2))
    if other is not None:
        waiting_path(file).write_bytes(waiting_toml(replace(waits, next_key=other, next_key_at=5)))

    assert with_waiting(waits, file).next_key_at == LATER


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("move = 1", "move must be a list of tables", id="no list"),
        pytest.param("[[move]]\nport = 1\n", "move 1: next_port must be", id="no next port"),
        pytest.param("key_at = -1", "key_at must be", id="time"),
        pytest.param("move = ", "not valid TOML", id="syntax"),
    ],
)
def test_a_file_that_is_not_ours_is_an_error(file: Path, text: str, says: str) -> None:
    waiting_path(file).write_text(text)

    with pytest.raises(ConfigError, match=says):
        with_waiting(node(), file)


def test_a_missing_file_has_a_sign_and_no_age(file: Path) -> None:
    assert sign_of(file) != (0, 0, 0)
    assert changed_at(file) == LATER

    file.unlink()

    assert sign_of(file) == (0, 0, 0)
    assert changed_at(file) == 0
