"""Named views by their keys: the rows that they show, their order, and saving one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from checker.model import NodeName
from reversi_tui.app import Console
from reversi_tui.settings.preferences import Preferences
from reversi_tui.settings.view_file import save_view
from reversi_tui.settings.views import SHIPPED, NamedView
from tests.reversi_tui.console.screen import lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import console, demo_home, dependencies


async def test_a_digit_shows_a_view_and_1_shows_all_again(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        everything = nodes(app)
        await pilot.press("2")
        await until(pilot, lambda: nodes(app)[0] == "barn" and "attic" not in nodes(app))
        assert " faults: 6 " in lines(app)[1]
        assert app.main.table.cursor == ("barn", 20011)
        await pilot.press("6")
        await until(pilot, lambda: nodes(app) == everything)
        assert "client" in text(app)
        assert " versions: 7 " in lines(app)[1]
        await pilot.press("1")
        await until(pilot, lambda: app.main.view.sort_by == "node")
        assert nodes(app) == everything
        assert app.main.table.choice.columns == ()


async def test_a_view_that_shows_nothing_says_why_and_how_to_get_out(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("5")
        await shows(pilot, "no forward is in view 'out on purpose'")
        await shows(pilot, "1 shows all")


async def test_what_is_shown_becomes_a_view_with_a_key(tmp_path: Path) -> None:
    layout, own = demo_home(tmp_path), tmp_path / "own" / "console.toml"
    app = Console(replace(dependencies(layout), save_view=partial(save_view, own)))

    async with running(app) as pilot:
        await pilot.press("slash", *"barn|dock", "enter", "O", "V", *"two", "enter")
        await shows(pilot, f"view 'two' is saved in {own}: key 7 shows it")
        await pilot.press("1")
        await until(pilot, lambda: len(nodes(app)) == 7)
        await pilot.press("7")
        await until(pilot, lambda: nodes(app) == ["dock", "barn"])
        await pilot.press("slash", "7")
        await until(pilot, lambda: app.main.view.filter_text == "barn|dock7")
    assert 'name = "two"' in own.read_text()


async def test_a_view_that_cannot_be_saved_works_until_the_end(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"barn", "enter", "V", *"one", "enter")
        await shows(pilot, "the view works until you quit, but is not saved")
        await pilot.press("1", "7")
        await until(pilot, lambda: nodes(app) == ["barn"])


async def test_bad_views_are_said_at_the_start(tmp_path: Path) -> None:
    views = (NamedView(name="mine", key="k"),)
    app = console(demo_home(tmp_path), views=views, remarks=("view 2: is bad",))

    async with running(app) as pilot:
        await shows(pilot, "view 2: is bad; view 'mine' has no key: 'k' is for act.kill")


async def test_a_view_of_the_last_run_gives_way_to_what_the_files_say(tmp_path: Path) -> None:
    versions = next(view for view in SHIPPED if view.name == "versions")
    given = dependencies(
        demo_home(tmp_path), sort_by="client", backwards=False, columns=versions.columns
    )
    in_files = Preferences(sort_by="port", backwards=True, columns=("node", "port"))
    app = Console(replace(given, in_files=in_files))

    async with running(app) as pilot:
        assert " versions: 7 " in lines(app)[1]
        await pilot.press("1")
        await until(pilot, lambda: nodes(app)[0] == "garage")
        assert app.main.table.choice.columns == ("node", "port")


async def test_a_view_keeps_the_selected_row_if_it_has_it(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("end", "up", "2")
        await until(pilot, lambda: "attic" not in nodes(app))
        assert app.main.table.cursor == (NodeName("farm"), 20015)
