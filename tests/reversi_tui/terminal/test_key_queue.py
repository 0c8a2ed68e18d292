"""Keys that come all at once, as over a poor link: each takes effect before the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from checker.model import NodeName, Port
from reversi_tui.app import Console
from reversi_tui.screens.adding import Adding
from reversi_tui.screens.confirm import Confirm
from reversi_tui.widgets.bar import FilterBar
from tests.reversi_tui.console.screen import running, shows, until
from tests.reversi_tui.console.states import console, demo_home, open_acts

NAMES = {"/": "slash", "\r": "enter", "\x1b": "escape", "\t": "tab"}


def at_once(app: Console, typed: str) -> None:
    """All of it in one packet."""
    for character in typed:
        app.post_message(
            events.Key(
                NAMES.get(character, character), character if character.isprintable() else None
            )
        )


async def test_a_filter_typed_at_once_runs_no_command(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        at_once(app, "/krdy")
        await until(pilot, lambda: app.main.query_one(FilterBar).value == "krdy")
        assert app.screen is app.main
        at_once(app, "\x1b/barn\rk")
        await shows(pilot, "Kill this forward?")
        assert app.main.view.filter_text == "barn"
        await shows(pilot, "node barn")

    assert acts.done == []


async def test_an_answer_typed_before_its_question_stood_there_is_none(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("down")  # the first one is up, which asks for more than a key
        at_once(app, "kyyy")
        await until(
            pilot, lambda: isinstance(app.screen, Confirm) and app.key_queue.waiting.empty()
        )
        await shows(pilot, "Yes, kill (y)")
        assert acts.done == []
        await pilot.press("y")
        await until(pilot, lambda: acts.done)


async def test_a_name_typed_at_once_comes_into_the_form(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        at_once(app, "nkrdb")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, Adding)
                and app.screen.query_one("#name", Input).value == "krdb"
            ),
        )
        at_once(app, "\x1bosince\r")
        await until(pilot, lambda: app.main.view.sort_by == "since" and app.screen is app.main)


async def test_what_is_pasted_behind_a_key_comes_behind_it(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        app.post_message(events.Key("slash", "/"))
        app.post_message(events.Paste("east"))
        await until(pilot, lambda: app.main.view.filter_text == "east")


@pytest.mark.parametrize("how", ["tab", "click"])
async def test_leaving_a_bar_keeps_what_was_typed_and_closes_it(tmp_path: Path, how: str) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"barn")
        if how == "tab":
            await pilot.press("tab")
        else:
            await pilot.click("#table", offset=(3, 0))
        await until(
            pilot,
            lambda: not app.main.query_one(FilterBar).display and app.focused is app.main.table,
        )
        assert app.main.view.filter_text == "barn"
        assert app.main.table.cursor == (NodeName("barn"), Port(20011))
