"""The columns and the order of the rows, as an operator sees and changes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import NodeName, Registration
from checker.state.rows import Batch
from reversi_tui.screens.columns import ColumnsChooser
from reversi_tui.screens.sorting import SortBy
from tests.reversi_tui.console.screen import nodes, running, shows, text, until
from tests.reversi_tui.console.states import NOW, SEEN, console, demo_home, tunnel, write
from tests.reversi_tui.console.test_seeing import columns, heading


async def test_chosen_columns_that_have_no_room_are_named(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (60, 15)) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ColumnsChooser))
        await pilot.press("down", "space", "enter")
        await shows(pilot, "no room for")


async def test_an_order_by_a_column_that_is_not_to_be_seen_is_told(tmp_path: Path) -> None:
    app = console(
        demo_home(tmp_path), columns=("node", "status"), sort_by="latency", backwards=True
    )

    async with running(app, (60, 15)) as pilot:
        await shows(pilot, "by latency↓")
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: "by latency" not in text(app))


async def test_wide_takes_nothing_away_and_names_what_has_no_room(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (120, 30)) as pilot:
        before = columns(app)
        await pilot.press("w")
        await shows(pilot, "no room for")
        assert set(before) <= set(columns(app))


async def test_one_row_too_many_for_the_screen_moves_no_column(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (120, 30)) as pilot:
        before = app.main.table.columns
        assert not app.main.table.show_vertical_scrollbar
        await pilot.resize_terminal(120, 8)
        await until(pilot, lambda: app.main.table.show_vertical_scrollbar)
        assert app.main.table.columns == before


async def test_wide_brings_more_columns_and_goes_back(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    held = Registration(
        node=NodeName("attic"),
        instance="loft-7",
        session=SEEN[0].session or pytest.fail("no session"),
        peer="203.0.113.7:40022",
        registered_at=NOW,
        client="reversi-0.1.0/dropbear-2022.83",
    )
    write(
        layout, Batch(registrations=(held,), tunnels=(replace(SEEN[0], bytes_total=1_234_567_890),))
    )
    app = console(layout)

    async with running(app, (300, 30)) as pilot:
        assert "instance" not in columns(app)
        await pilot.press("w")
        for words in ("loft-7", "reversi-0.1", "1.2G", "banner:SSH-2.0"):
            await shows(pilot, words)
        await pilot.press("w")
        await until(pilot, lambda: "instance" not in columns(app))


async def test_columns_are_chosen_and_ordered(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), columns=("status", "latency"))

    async with running(app) as pilot:
        assert columns(app) == ["node", "status", "latency"]
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ColumnsChooser))
        await pilot.press("d", "enter")
        await until(pilot, lambda: "port" in columns(app))
        assert app.main.table.choice.columns == ()


async def test_sort_by_any_column_from_a_list_and_again_for_the_other_way(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, SortBy))
        await pilot.press(*"status", "enter")
        await until(pilot, lambda: "status↑" in heading(app))
        assert nodes(app)[0] == "barn"
        await pilot.press("o", "enter")
        await until(pilot, lambda: "status↓" in heading(app))
        assert nodes(app)[-1] == "barn"


async def test_latency_and_counts_begin_with_the_largest(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    write(layout, Batch(tunnels=(replace(tunnel("barn", 20011), latency_ms=900.0),)))
    app = console(layout, columns=("node", "latency", "kills"))

    async with running(app) as pilot:
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: "latency↓" in heading(app))
        assert nodes(app)[:2] == ["barn", "attic"]
        await pilot.press("greater_than_sign")
        await until(pilot, lambda: "kills↓" in heading(app))
        await pilot.press("o", *"sshd", "enter")
        await until(pilot, lambda: app.main.view.sort_by == "pid")
        assert not app.main.view.backwards


async def test_choosers_name_the_columns_as_their_headers_do(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        for key in ("o", "c"):
            await pilot.press(key)
            await shows(pilot, "sshd")
            await shows(pilot, "24 h")
            await pilot.press("escape")


async def test_columns_are_in_the_chosen_order(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), columns=("node", "status", "port"))

    async with running(app) as pilot:
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ColumnsChooser))
        await pilot.press("down", "down", "K", "down", "space", "enter")
        await until(pilot, lambda: columns(app) == ["node", "port"])
        assert heading(app).split() == ["node↑", "port"]
