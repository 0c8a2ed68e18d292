"""What a device calls itself: kept beside its node's file, through every change and a rollback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import OPEN, SHARED_KEY, Node, NodeName, Port, Unregistered
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import add, change, remove
from checker.registry.edits import renamed
from checker.registry.last_good import load_record, write_record
from checker.registry.node_file import ports_named, read_node
from checker.registry.node_rows import node_from_row, node_list
from checker.registry.nodes import Registry, UnknownNode
from checker.registry.reading import node_path, read_registry
from checker.registry.waiting import waiting_path, waiting_toml
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import OFFICE, node

WORD = "Office_Router"
SAID = replace(node(), public_key=SHARED_KEY, calls_itself=WORD)
RELEASED = Path(__file__).parents[2] / "data" / "released" / "checker-0.1.0.tar.xz"
IN_0_1_0 = """
import json, sys
from dataclasses import replace
from pathlib import Path
from checker.registry import read_registry
from checker.store import Batch, open_store
registry = read_registry(Path(sys.argv[1]))
store = open_store(Path(sys.argv[2]))
seen = store.unregistered()
store.write(Batch(unregistered=[replace(one, last_at=9.0) for one in seen]))
print(json.dumps([registry.problems, sorted(registry.nodes), [one.node for one in seen]]))
"""


@pytest.fixture
def said(layout: Layout) -> Layout:
    """A registry with the node."""
    add(layout, SAID, gate_command(layout))
    return layout


def only(layout: Layout) -> Node:
    (found,) = read_registry(layout.nodes).nodes.values()
    return found


def test_it_is_read_back_and_is_not_in_the_nodes_own_file(said: Layout) -> None:
    assert only(said) == SAID
    assert WORD not in node_path(said, OFFICE).read_text()
    assert "Office" not in said.authorized_keys.read_text()


def test_a_change_keeps_it_and_a_removal_forgets_it(said: Layout) -> None:
    change(said, OFFICE, replace(only(said), expires="2031-12-31"), gate_command(said))
    assert only(said).calls_itself == WORD

    change(said, OFFICE, renamed(only(said), NodeName("lobby")), gate_command(said))
    assert (only(said).name, only(said).calls_itself) == ("lobby", WORD)

    remove(said, NodeName("lobby"), gate_command(said))
    add(said, node("lobby"), gate_command(said))
    assert only(said).calls_itself == ""


@pytest.mark.parametrize(
    ("before", "name", "word"),
    [
        pytest.param(replace(SAID, calls_itself=""), "lobby", "office", id="shared-key"),
        pytest.param(replace(SAID, calls_itself="lobby"), "lobby", "", id="back-to-its-word"),
        pytest.param(node(), "lobby", "", id="own-key"),
        pytest.param(SAID, "office", WORD, id="same-name"),
    ],
)
def test_a_renamed_device_still_answers_to_what_it_says(before: Node, name: str, word: str) -> None:
    after = renamed(before, NodeName(name))

    assert after.calls_itself == word
    assert after.answers_to(name)
    assert not before.is_shared or after.answers_to(before.calls_itself or before.name)


def test_a_word_of_an_earlier_node_of_that_name_does_not_count(layout: Layout) -> None:
    add(layout, replace(node(), added_at=2), gate_command(layout))
    waiting_path(node_path(layout, OFFICE)).write_bytes(waiting_toml(replace(SAID, added_at=1)))

    assert only(layout).calls_itself == ""


@pytest.mark.parametrize("word", ['""', "7", '"a\\u0007"', f'"{"x" * 65}"'])
def test_a_word_that_cannot_be_shown_breaks_the_file(said: Layout, word: str) -> None:
    waiting_path(node_path(said, OFFICE)).write_text(f"calls_itself = {word}\n")

    with pytest.raises(ConfigError, match="calls_itself"):
        read_node(node_path(said, OFFICE))


def test_a_word_that_looks_like_a_port_reserves_none(layout: Layout) -> None:
    write(layout, "office", node_text(port=20000, more="nonsense"))
    path = node_path(layout, OFFICE)
    waiting_path(path).write_bytes(waiting_toml(replace(SAID, calls_itself="port=50001")))

    assert ports_named(path) == {20000}


def test_a_node_that_is_missing_is_named_by_its_word_too(said: Layout) -> None:
    with pytest.raises(UnknownNode, match="node office calls itself that"):
        read_registry(said.nodes).node(WORD)


def test_copies_of_the_registry_keep_it_and_older_records_lack_it(layout: Layout) -> None:
    row = node_list(SAID)
    assert node_from_row(json.loads(json.dumps(row))) == SAID
    assert node_from_row(row[:-1]) == replace(SAID, calls_itself="")

    layout.state.parent.mkdir(exist_ok=True)
    write_record(layout, Registry(nodes={OFFICE: SAID}), [], public=True)
    assert load_record(layout, {OFFICE})[OFFICE].node == SAID


def test_a_rollback_to_0_1_0_reads_the_node_and_loses_no_word(said: Layout, tmp_path: Path) -> None:
    device = Unregistered(
        node=NodeName("x-1"),
        port=Port(50001),
        expect=OPEN,
        first_at=1.0,
        last_at=2.0,
        calls_itself="X_1",
    )
    with closing(open_store(said.state)) as store:
        store.write(Batch(unregistered=[device]))
    safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(RELEASED) as released:
        released.extractall(tmp_path / "released", **safe)

    done = subprocess.run(
        [sys.executable, "-c", IN_0_1_0, said.nodes, said.state],
        cwd=tmp_path / "released",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "released")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[], ["office"], ["x-1"]]
    assert only(said) == SAID
    with closing(open_reader(said.state)) as reader:
        assert reader.unregistered() == (replace(device, last_at=9.0),)


def test_the_words_of_devices_that_are_gone_or_replaced_are_forgotten(tmp_path: Path) -> None:
    device = Unregistered(
        node=NodeName("x-1"), port=Port(50001), expect=OPEN, first_at=1.0, last_at=2.0
    )
    with closing(open_store(tmp_path / "state.db")) as store:
        store.write(Batch(unregistered=[replace(device, calls_itself="X_1")]))
        assert store.unregistered()[0].calls_itself == "X_1"

        store.write(Batch(unregistered=[device]))
        assert store.unregistered() == (device,)

        store.write(Batch(unregistered=[replace(device, calls_itself="X_1")]))
        store.write(Batch(gone=[device]))
        store.write(Batch(unregistered=[device]))
        assert store.unregistered() == (device,)


def test_a_state_file_without_words_is_read(tmp_path: Path) -> None:
    device = Unregistered(
        node=NodeName("x"), port=Port(50001), expect=OPEN, first_at=1.0, last_at=2.0
    )
    with closing(open_store(tmp_path / "state.db")) as store, store.using() as db:
        db.execute("DROP TABLE said")
        db.execute("INSERT INTO unregistered VALUES (50001, 'x', 'open', 1.0, 2.0)")

    with closing(open_reader(tmp_path / "state.db")) as reader:
        assert reader.unregistered() == (device,)
