"""The rows and nodes that a filter chooses."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.control.matching import NothingMatches, matching_nodes, matching_rows
from checker.model import (
    OPEN,
    InvalidValue,
    Mute,
    MuteChange,
    NodeName,
    Port,
    Selector,
    Status,
    Unregistered,
)
from checker.registry.changes import add
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.rows.mistakes import MistakenFilter
from checker.state.mutes import change_mutes
from tests.checker.cli.homes import COMMAND, UP, write_state
from tests.strategies import NOW, node

SHED = NodeName("shed")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Three nodes (one is up, one hung, one was never seen), and a device."""
    made = home_layout(tmp_path)
    add(made, replace(node(), tags=("site-a",)), COMMAND)
    add(made, replace(node("shed", 2, (20020, 20021)), tags=("site-a", "x")), COMMAND)
    add(made, node("barn", 3, (20030,)), COMMAND)
    hung = replace(
        UP,
        node=SHED,
        port=Port(20021),
        status=Status.HUNG,
        session=None,
        probed_at=time.time(),
    )
    garage = Unregistered(
        node=NodeName("garage"), port=Port(50001), expect=OPEN, first_at=NOW, last_at=NOW
    )
    write_state(made, tunnels=[UP, hung], unregistered=[garage])
    return made


def keys(layout: Layout, text: str) -> list[str]:
    rows = matching_rows(layout, read_registry(layout.nodes), text)
    return [f"{row.seen.node}:{row.seen.port}" for row in rows]


def names(layout: Layout, text: str) -> list[str]:
    return [one.name for one in matching_nodes(layout, read_registry(layout.nodes), text)]


def test_a_filter_chooses_rows_and_devices(layout: Layout) -> None:
    assert keys(layout, "status:hung") == ["shed:20021"]
    assert keys(layout, "port:>20020") == ["barn:20030", "shed:20021", "garage:50001"]


def test_a_node_is_chosen_once_if_any_of_its_forwards_matches(layout: Layout) -> None:
    assert names(layout, "port:>20000 !node:barn") == ["office", "shed"]
    assert names(layout, "status:hung") == ["shed"]


def test_muted_rows_are_found(layout: Layout) -> None:
    by_tag = Mute(
        selector=Selector(filter_text="tag:x"),
        until=time.time() + 600,
        why="roof",
        by="ada",
        at=1e9,
    )
    change_mutes(layout.mutes, MuteChange(add=(by_tag,)))

    assert names(layout, "is:muted") == ["shed"]


def test_what_matches_nothing_says_so(layout: Layout) -> None:
    with pytest.raises(NothingMatches, match="nothing matches the filter 'node:attic'"):
        keys(layout, "node:attic")
    with pytest.raises(NothingMatches, match="only devices that are not registered match"):
        names(layout, "node:garage")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ndoe:office", "there is no column 'ndoe'; did you mean 'node'"),
        ("node:office|ndoe:shed", "there is no column 'ndoe'; did you mean 'node'"),
        ("node:office|", "the filter has an empty alternative"),
        ("node:office port:>", "the filter's 'port:>' has no end"),
        ("node:/(o+)+/", "repeats a group that repeats something"),
    ],
)
def test_a_filter_that_may_choose_too_much_or_too_little_is_refused(
    layout: Layout, text: str, said: str
) -> None:
    with pytest.raises(MistakenFilter, match=re.escape(said)):
        keys(layout, text)


@pytest.mark.parametrize("text", ["", " ", "port:>", '""'])
def test_a_filter_that_says_nothing_does_not_match_everything(layout: Layout, text: str) -> None:
    with pytest.raises(InvalidValue, match="says nothing, and so would match everything"):
        keys(layout, text)


def test_before_a_daemon_has_run_a_filter_works_on_what_the_registry_says(tmp_path: Path) -> None:
    empty = home_layout(tmp_path)
    with pytest.raises(NothingMatches):
        matching_rows(empty, Registry(), "office")
