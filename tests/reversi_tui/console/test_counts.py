"""Counts by tag and other columns, and tags of marked rows, by keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reversi_tui.console.screen import lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import console, demo_home, labelled


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 50)])
async def test_enter_on_a_tag_shows_its_devices(tmp_path: Path, size: tuple[int, int]) -> None:
    layout = demo_home(tmp_path)
    for node in ("barn", "attic"):
        labelled(layout, node)
    app = console(layout)

    async with running(app, size) as pilot:
        await pilot.press("number_sign")
        await shows(pilot, "7 rows by tags: 3 values")
        assert "1 hung 1 up" in text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: nodes(app) == ["attic", "barn"])
        assert app.main.view.filter_text.startswith("tag:")
        assert all(len(line) <= size[0] for line in lines(app))


async def test_the_arrows_count_by_another_column_and_it_is_kept(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("number_sign", "right")
        await shows(pilot, "7 rows by status: 7 values")
        await pilot.press("escape", "slash", *"!up", "enter", "number_sign")
        await shows(pilot, "6 rows by status")
        await pilot.press("left", "right", "enter")
        await until(pilot, lambda: len(nodes(app)) == 1)
        assert app.main.view.filter_text == "!up status:down"


async def test_marked_rows_get_a_tag_and_are_counted_by_it(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("space", "space", "T", *"bakery", "enter")
        await until(
            pilot, lambda: sum("bakery" in row.tags for row in app.main.view.rows.values()) == 2
        )
        await pilot.press("number_sign")
        await shows(pilot, "bakery")
        await pilot.press("escape")


async def test_space_marks_the_rows_of_a_value(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    for node in ("barn", "attic"):
        labelled(layout, node)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("number_sign", "down", "space")
        await shows(pilot, "2 marked")
        assert {node for node, _ in app.main.view.marks} == {"attic", "barn"}
        assert len(nodes(app)) == 7
