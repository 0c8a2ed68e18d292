"""The palette by its keys: actions, views and nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.finder import Finder
from tests.reversi_tui.console.screen import lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import console, demo_home, open_acts

SIZES = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((80, 24), (60, 15), (200, 50))]


@pytest.mark.parametrize("size", SIZES)
async def test_the_palette_fits_and_tells_all_of_the_chosen_action(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, size) as pilot:
        await pilot.press("colon")
        await shows(pilot, "Kill the sshd process that holds the port; asks first")
        assert all(len(line) <= size[0] for line in lines(app))
        heads = next(line for line in lines(app) if "│ Act " in line)
        assert ("On the row" in heads) is (size[0] >= 80)
        await pilot.press(*["down"] * 20)
        chosen = app.screen
        assert isinstance(chosen, Finder)
        assert chosen.chosen is not None
        assert chosen.chosen.title in text(app)


async def test_a_view_and_a_node_are_found_too(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("ctrl+p", *"view faults", "enter")
        await until(pilot, lambda: app.screen is app.main and "attic" not in nodes(app))
        await pilot.press("colon", *"atti", "enter")
        await until(pilot, lambda: app.main.table.cursor == ("attic", 20010))
        await shows(pilot, "the filter is cleared, so that the row is shown")


async def test_enter_runs_the_chosen_action_and_escape_none(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("colon", "down", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("escape")
        await shows(pilot, "kill cancelled")
        await pilot.press("colon", *"no such thing", "enter")
        await shows(pilot, "nothing has that in its name")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_the_other_column_is_one_key_away(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("colon", "right")
        await shows(pilot, "Show everything known about the row")
        await pilot.press("left")
        await shows(pilot, "Kill the sshd process that holds the port; asks first")


async def test_a_read_only_palette_offers_no_acts(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), open_acts(read_only=True))

    async with running(app) as pilot:
        await pilot.press("colon", *"kill the sshd")
        await shows(pilot, "nothing has that in its name")
