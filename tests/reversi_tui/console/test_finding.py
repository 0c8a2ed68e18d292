"""Finding rows: filters, their history, and jumps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checker.model import NodeName, Port, Status
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.settings.remembered import Memory
from tests.reversi_tui.console.screen import nodes, running, shows, until
from tests.reversi_tui.console.states import (
    FORWARDS,
    SEEN,
    console,
    demo_home,
    dependencies,
    labelled,
    write,
)

BARN = (NodeName("barn"), Port(20011))


def columns(app: Console) -> list[str]:
    return [place.column.id for place in app.main.table.columns]


async def test_the_texts_of_the_rows_are_made_while_the_first_letter_of_a_filter_is_not_typed_yet(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        assert not any(app.main.view.texts)
        await pilot.press("slash")
        await until(pilot, lambda: all(app.main.view.texts))


async def test_while_a_filter_is_typed_the_rows_that_it_shows_are_counted(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"barn")
        await shows(pilot, f"shows 1   of {len(FORWARDS)} forwards")


async def test_a_mistyped_column_of_a_kept_filter_is_named(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"staus:up", "enter")
        await shows(pilot, "there is no column 'staus'; did you mean 'status'?")


async def test_a_tag_that_is_given_while_the_console_runs_is_found_and_a_mistyped_one_named(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("slash", *"tag:site-a", "enter")
        await shows(pilot, "no node has the tag 'site-a'")
        labelled(layout, "barn")
        await until(pilot, lambda: nodes(app) == ["barn"])
        await pilot.press("slash", *("backspace",) * 10, *"tag:sitea|/x/", "enter")
        await shows(pilot, "did you mean 'site-a'?")


async def test_jumping_goes_to_the_name_as_it_is_typed_and_escape_goes_back(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("j", *"ea")
        await until(pilot, lambda: app.main.table.cursor == ("east-gate", 20014))
        await pilot.press("escape")
        await until(pilot, lambda: app.main.table.cursor == ("attic", 20010))
        await pilot.press("j", *"arn", "enter")
        await until(pilot, lambda: app.main.table.cursor == BARN and app.focused is app.main.table)
        await pilot.press("j", *"nowhere", "enter")
        await shows(pilot, "no node shown is called nowhere")


async def test_numbers_and_columns_filter(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("slash", *"latency:>40", "enter")
        await until(pilot, lambda: nodes(app) == ["attic"])
        await pilot.press("slash", *("backspace",) * 11, *"port:<20012 !status:up", "enter")
        await until(pilot, lambda: nodes(app) == ["barn"])


async def test_earlier_filters_come_back_with_the_arrows(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), history=("status:down", "barn"))

    async with running(app) as pilot:
        await pilot.press("slash", "up")
        await until(pilot, lambda: nodes(app) == ["barn"])
        await pilot.press("up", "enter")
        await until(pilot, lambda: nodes(app) == ["cellar"])
        await pilot.press("slash", *("backspace",) * 11, *"dock", "up", "down")
        await until(pilot, lambda: nodes(app) == ["dock"])


async def test_a_jump_that_finds_nothing_or_is_left_goes_back_to_its_row_wherever_that_is_now(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, sort_by="status")

    async with running(app) as pilot:
        await pilot.press("j", *"barn", "enter")
        await until(pilot, lambda: app.main.table.cursor == BARN and app.focused is app.main.table)
        await pilot.press("j", *"gax", "enter")
        await shows(pilot, "no node shown is called gax")
        assert app.main.table.cursor == BARN
        await pilot.press("j", *"ga")
        await until(pilot, lambda: app.main.table.cursor == ("garage", 20016))
        before = app.main.view.places[BARN]
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP),)))
        await until(pilot, lambda: app.main.view.places[BARN] != before)
        await pilot.press("escape")
        await until(pilot, lambda: app.main.table.cursor == BARN)


async def test_filters_typed_in_one_console_come_back_in_the_next(tmp_path: Path) -> None:
    layout = demo_home(tmp_path / "gateway")
    path = tmp_path / "console.json"
    memory = Memory(layout, path)
    memory.begin((), ())
    app = Console(replace(dependencies(layout), remember=memory.remember))
    async with running(app) as pilot:
        await pilot.press("slash", *"barn", "enter", "slash", "escape")
        await until(
            pilot,
            lambda: path.exists() and "barn" in path.read_text() and not memory.newest.filter_text,
        )
    preferences, _ = Memory(layout, path).begin((), ())

    following = Console(replace(dependencies(layout), preferences=preferences))

    async with running(following) as pilot:
        assert following.main.view.filter_text == ""
        await pilot.press("slash", "up")
        await until(pilot, lambda: nodes(following) == ["barn"])
