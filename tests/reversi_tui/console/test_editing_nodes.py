"""Nodes: disabled, enabled, added, and their bundles."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from checker.model import EventKind, NodeName
from checker.registry.reading import read_registry
from checker.state.store import open_reader
from tests.reversi_tui.console.screen import nodes, running, shows, text, until
from tests.reversi_tui.console.states import (
    console,
    demo_home,
    open_acts,
)


async def test_a_node_is_disabled_after_a_question_and_enabled_without_in_the_operators_name(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "down", "d")
        await shows(pilot, "Disable this node?")
        await pilot.press("y")
        await until(
            pilot, lambda: not read_registry(layout.nodes).nodes[NodeName("cellar")].enabled
        )
        await shows(pilot, "‖ disabled")
        await shows(pilot, "‖ 1 disabled")
        await until(pilot, lambda: not app.main.desk.pending)
        await pilot.press("e")
        await until(pilot, lambda: read_registry(layout.nodes).nodes[NodeName("cellar")].enabled)
        await until(pilot, lambda: not app.main.desk.pending)

    state = open_reader(layout.state)
    told = [
        (event.kind, event.text, event.actor) for event in state.events(node=NodeName("cellar"))
    ]
    state.close()
    assert [(kind, words) for kind, words, _ in told] == [
        (EventKind.REGISTRY, "disabled"),
        (EventKind.REGISTRY, "enabled"),
    ]
    assert all(actor not in ("", "daemon") for _, _, actor in told)


async def test_the_reason_of_a_disabled_node_is_asked_for_and_shown_in_its_row(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "down", "d")
        await shows(pilot, "Why (rows and log show it): w, then type")
        await pilot.press("w", *"stolen yesterday", "enter")
        assert read_registry(layout.nodes).nodes[NodeName("cellar")].enabled
        await pilot.press("y")
        await shows(pilot, "cellar: disabled: stolen yesterday")
        await shows(pilot, "disabled stolen yesterday")
        await pilot.press("/", *"stolen")
        await until(pilot, lambda: nodes(app) == ["cellar"])

    assert (layout.nodes / "cellar.why").read_text() == "stolen yesterday\n"


@pytest.mark.parametrize("key", ["d", "e", "s", "S", "b", "n", "m", "x", "T", "N"])
async def test_a_read_only_console_changes_nothing_by_any_key(tmp_path: Path, key: str) -> None:
    layout = demo_home(tmp_path)
    before = {file.name: file.read_bytes() for file in layout.nodes.iterdir()}
    app = console(layout, open_acts(read_only=True))

    async with running(app) as pilot:
        await pilot.press(key)
        await shows(pilot, "read-only")
        assert app.screen is app.main

    assert {file.name: file.read_bytes() for file in layout.nodes.iterdir()} == before


async def test_tags_and_note_are_set_by_keys(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    cellar = NodeName("cellar")
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "down", "T")
        await shows(pilot, "Tags of cellar")
        await pilot.press(*"site-a Q", "enter")
        await shows(pilot, "'Q' cannot be a tag")
        await pilot.press("T", *"site-a b", "enter")
        await until(
            pilot, lambda: read_registry(layout.nodes).nodes[cellar].tags == ("b", "site-a")
        )
        await pilot.press("T", *"-b", "enter")
        await until(pilot, lambda: read_registry(layout.nodes).nodes[cellar].tags == ("site-a",))
        await pilot.press("N", *"attic", "enter")
        await until(pilot, lambda: read_registry(layout.nodes).nodes[cellar].note == "attic")
        await shows(pilot, "cellar: note: attic")


async def test_a_node_is_added_by_the_form_and_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout = demo_home(tmp_path / "gateway")
    (layout.home or tmp_path).joinpath("reversi.toml").write_text(
        'gateway = ["gw.example.org:22"]\n'
    )
    app = console(layout)

    async with running(app, (100, 40)) as pilot:
        await pilot.press("n")
        await shows(pilot, "New node")
        await pilot.press(*"attic", "tab")
        await shows(pilot, "attic")
        assert "already" in text(app) or "taken" in text(app) or "registered" in text(app)
        await pilot.press(
            "shift+tab",
            *("backspace",) * 5,
            *"zoo",
            "tab",
            *"127.0.0.1:22,banner:SSH-2.0",
            "ctrl+s",
        )
        await until(pilot, lambda: NodeName("zoo") in read_registry(layout.nodes).nodes)
        await shows(pilot, "zoo: added; port ")
        await until(pilot, lambda: app.main.table.cursor and app.main.table.cursor[0] == "zoo")

    assert (tmp_path / "zoo.toml").exists()
    assert (tmp_path / "zoo.toml.key").stat().st_mode & 0o777 == 0o600


async def test_the_bundle_asks_where_to_and_says_what_is_missing(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (160, 30)) as pilot:
        await pilot.press("b")
        await shows(pilot, "Where to write it: a path")
        await pilot.press("enter")
        await shows(pilot, "attic: no bundle: its private key cannot be read")
        await shows(pilot, "No private key of attic is kept")
        await shows(pilot, "rekey: make a new key")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        pytest.param(
            "~nobody-of-this-name/x.sh",
            "begins with an unknown user",
            id="no such user",
        ),
        pytest.param("/", "is not a file name", id="a directory"),
        pytest.param("x" * 5000, "no bundle", id="too long"),
    ],
)
async def test_a_place_where_no_bundle_can_be_is_a_sentence(
    tmp_path: Path, typed: str, words: str
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (160, 30)) as pilot:
        await pilot.press("b")
        await shows(pilot, "Where to write it: a path")
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await shows(pilot, words)


async def test_where_the_console_stood_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    app = console(demo_home(tmp_path / "gateway"))

    async with running(app, (160, 30)) as pilot:
        gone.rmdir()
        await pilot.press("n")
        await shows(pilot, "New node")
        await pilot.press("escape", "b")
        await shows(pilot, "a path, or a name in /")
