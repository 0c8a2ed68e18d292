"""Which row is selected when rows leave the view, and what keys say when none is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Status
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.console.screen import nodes, running, shows, text, until
from tests.reversi_tui.console.states import SEEN, console, demo_home, open_acts, write

COMMAND = Command(name="look", title="Look", argv=("true",))


def cursor(app: Console) -> str:
    selected = app.main.table.selected
    return selected.seen.node if selected else ""


async def test_a_row_that_the_operator_hides_passes_the_cursor_to_the_nearest(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        assert cursor(app) == "attic"
        await pilot.press("f")
        await until(pilot, lambda: "attic" not in nodes(app))
        assert cursor(app) == "barn"
        await pilot.press("end", "slash", *"!garage", "enter")
        await until(pilot, lambda: "garage" not in nodes(app))
        assert cursor(app) == "farm"


async def test_a_filter_that_is_left_gives_the_cursor_back(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"farm")
        await until(pilot, lambda: cursor(app) == "farm")
        await pilot.press("escape")
        await until(pilot, lambda: cursor(app) == "attic")


async def test_a_row_that_leaves_by_itself_says_so_until_the_next_key(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, faults_only=True)

    async with running(app) as pilot:
        assert cursor(app) == "barn"
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP),)))
        app.source.wake()
        await shows(pilot, "barn port 20011 left this view: it is up now; no row is selected")
        assert cursor(app) == ""
        await pilot.press("down")
        await until(pilot, lambda: "left this view" not in text(app))
        assert cursor(app) == "cellar"


async def test_what_a_row_left_hides_no_message_and_none_hides_it(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, faults_only=True)

    async with running(app) as pilot:
        app.main.say("barn port 20011: sshd 4001 ended")
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP),)))
        app.source.wake()
        await shows(pilot, "left this view")
        assert "sshd 4001 ended" in text(app)
        app.main.say("another message")
        await shows(pilot, "another message")
        assert "left this view" in text(app)


async def test_escape_clears_what_a_row_left_and_nothing_else(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, faults_only=True)

    async with running(app) as pilot:
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP),)))
        app.source.wake()
        await shows(pilot, "left this view")
        await pilot.press("escape")
        await until(pilot, lambda: "left this view" not in text(app))
        assert app.main.view.faults_only


@pytest.mark.parametrize(
    "key", ["enter", "s", "y", "b", "space", "k", "r", "p", "d", "e", "x", "M", "T", "N", "right"]
)
async def test_each_key_of_a_row_says_that_no_row_is_selected(tmp_path: Path, key: str) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts, commands=(COMMAND,), filter_text="nothing-like-it")

    async with running(app) as pilot:
        await pilot.press(key)
        await shows(pilot, "no row is selected")
        assert app.screen is app.main
        assert acts.done == []
