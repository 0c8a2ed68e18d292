"""What the keys show: columns, groups, faults, pause, themes, details, sizes."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Event, EventKind, Hour, NodeName, Port, Status, Watched
from checker.state.rows import Batch
from reversi_tui.app import Console
from reversi_tui.screens.detail import Detail
from reversi_tui.settings.preferences import Preferences
from tests.registry_samples import register
from tests.reversi_tui.console.screen import lines, nodes, running, shows, text, until
from tests.reversi_tui.console.states import (
    FORWARDS,
    NOW,
    SEEN,
    console,
    demo_home,
    dependencies,
    forward,
    tunnel,
    write,
)

HOUR = int(NOW // 3600)
BARN = (NodeName("barn"), Port(20011))


def columns(app: Console) -> list[str]:
    return [place.column.id for place in app.main.table.columns]


def heading(app: Console) -> str:
    return next(line for line in lines(app) if line.lstrip().startswith("node"))


async def test_faults_only_and_back(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("f")
        await shows(pilot, "faults only: 6")
        assert "attic" not in nodes(app)
        await pilot.press("escape")
        await until(pilot, lambda: "attic" in nodes(app))


async def test_paused_the_table_stands_still_and_says_so_and_a_kill_still_looks_at_what_is_new(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("down", "z")
        await shows(pilot, "PAUSED for <1m: 0 changed rows held back; z resumes")
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP, session=None),)))
        await shows(pilot, "PAUSED for <1m: 1 changed row held back")
        assert "✖ hung" in text(app)
        await pilot.press("k")
        await shows(pilot, "Kill this forward?")
        await pilot.press("y")
        await shows(pilot, "is now held by no known process: left alone")
        await pilot.press("z")
        await until(pilot, lambda: "✖ hung" not in text(app))
        assert "PAUSED" not in text(app)


@pytest.mark.parametrize("theme", ["dark", "light", "mono"])
async def test_themes_change_colours_and_nothing_else(tmp_path: Path, theme: str) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        before = lines(app)
        await pilot.press("t", theme[0], "enter")
        await until(pilot, lambda: app.looks.name == theme and app.screen is app.main)
        await until(pilot, lambda: lines(app) == before)
        strips = app.screen._compositor.render_strips()
        colours = {
            segment.style.color
            for strip in strips
            for segment in strip
            if segment.style and segment.style.color
        }
        assert (theme == "mono") == all(colour.is_default for colour in colours)


async def test_the_view_is_remembered_as_it_changes(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    kept: list[Preferences] = []

    def remember(seen: Preferences) -> str:
        kept.append(seen)
        return ""

    app = Console(replace(dependencies(layout), remember=remember))

    async with running(app) as pilot:
        await pilot.press("w", "f", "g", "O", "slash", *"barn", "enter")
        await until(pilot, lambda: kept and kept[-1].filter_text == "barn")

    last = kept[-1]
    assert (last.wide, last.faults_only, last.grouped, last.backwards, last.history) == (
        True,
        True,
        True,
        True,
        ("barn",),
    )


async def test_what_cannot_be_remembered_is_said(tmp_path: Path) -> None:
    trouble = "the view is not remembered: no room"
    app = Console(replace(dependencies(demo_home(tmp_path)), remember=lambda _: trouble))

    async with running(app) as pilot:
        await pilot.press("O")
        await shows(pilot, trouble)


async def test_the_row_shows_the_last_hours_and_the_detail_the_last_days(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    node, port = BARN
    hours = tuple(
        Hour(node=node, port=port, hour=HOUR - ago, up_s=up, watched_s=100.0)
        for ago, up in ((0, 0.0), (1, 50.0), (2, 100.0))
    )
    days = tuple(
        (node, port, Watched(day=f"2025-10-0{day}", up_s=50.0 * day, watched_s=500.0))
        for day in (7, 8)
    )
    clone = Event(at=NOW - 60, kind=EventKind.CLONE, text="two instances take turns", node=node)
    write(layout, Batch(hours=hours, uptime=days, events=(clone,)))
    app = console(layout)

    async with running(app, (140, 60)) as pilot:
        await shows(pilot, "·····················_▄█")
        await pilot.press("j", *"barn", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, Detail))
        for words in (
            "worst day 2025-10-07 with 70.0 %",
            "two instances take turns",
            "ssh -p 20011",
            "killed sshd 3999",
        ):
            await shows(pilot, words)


async def test_a_gateway_that_goes_away_and_comes_back_is_followed(tmp_path: Path) -> None:
    layout = demo_home(tmp_path / "gateway")
    app = console(layout)

    async with running(app) as pilot:
        shutil.move(tmp_path / "gateway", tmp_path / "elsewhere")
        app.source.wake()
        await shows(pilot, "does not exist")
        assert "✖ hung" in text(app)
        assert set(nodes(app)) == {f.node for f in FORWARDS}
        shutil.move(tmp_path / "elsewhere", tmp_path / "gateway")
        write(layout, Batch(tunnels=(replace(SEEN[1], status=Status.UP),)))
        app.source.wake()
        await until(pilot, lambda: "does not exist" not in text(app) and "✖ hung" not in text(app))


async def test_staleness_enters_the_faults_only_view_as_time_passes(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    late = [0.0]
    app = Console(replace(dependencies(layout, faults_only=True), now=lambda: NOW + late[0]))

    async with running(app) as pilot:
        assert "attic" not in nodes(app)
        late[0] = 900.0
        await until(pilot, lambda: "attic" in nodes(app))
        await shows(pilot, "stale 15m")


async def test_an_ascii_terminal_gets_only_ascii(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    layout = demo_home(tmp_path)
    write(
        layout,
        Batch(hours=(Hour(node=BARN[0], port=BARN[1], hour=HOUR, up_s=50.0, watched_s=100.0),)),
    )
    app = console(layout)

    async with running(app, (140, 30)) as pilot:
        await shows(pilot, ".......................=")
        assert all(line.isascii() for line in lines(app)), [
            line for line in lines(app) if not line.isascii()
        ]
        await pilot.press("k")
        await shows(pilot, "Cancel")
        assert all(line.isascii() for line in lines(app)), [
            line for line in lines(app) if not line.isascii()
        ]


async def test_groups_are_kept_while_rows_change(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    register(layout, (forward("attic", 20010), forward("attic", 20110)))
    app = console(layout, grouped=True)

    async with running(app, count=len(FORWARDS) + 1) as pilot:
        await shows(pilot, "▸attic 2 ports")
        write(layout, Batch(tunnels=(tunnel("attic", 20110, Status.HUNG),)))
        await until(
            pilot, lambda: app.main.view.folds[NodeName("attic")].seen.status is Status.HUNG
        )


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
async def test_no_key_at_the_bottom_is_cut_off(tmp_path: Path, width: int) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, (width, 15)) as pilot:
        await shows(pilot, "k kill")
        assert "…" not in lines(app)[-1]
        keys = {key.strip() for key in lines(app)[-1].split("  ")}
        assert keys >= {"enter detail", "s shell", "p probe", "r reset", "k kill", "? help"}
        assert lines(app)[-1].endswith("? help")
        assert len(lines(app)[-1]) == width
        assert "f faults" in keys or width < 100


@pytest.mark.parametrize(
    "key",
    ["question_mark", "enter", "k", "n", "o", "c", "t", "b", "slash", "j", "l", "v", "z", "colon"],
)
async def test_no_size_of_the_terminal_ends_the_console_whatever_is_open(
    tmp_path: Path, key: str
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press(key)
        for size in ((1, 1), (60, 1), (3, 60), (10, 3), (300, 100), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("down", "pagedown", "pageup", "up")
        await until(pilot, lambda: app.size == (80, 24))
        assert app.is_running


async def test_the_palette_has_no_page_to_turn_where_the_terminal_leaves_it_no_room(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("colon")
        await shows(pilot, "On the row")
        await pilot.press("down", "down")
        await pilot.resize_terminal(60, 1)
        await pilot.press("pagedown", "pageup")
        await pilot.resize_terminal(80, 24)

        await shows(pilot, "Probe the forward now; many ask first")


async def test_an_empty_table_says_why_and_how_to_get_out(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), filter_text="nothing-like-it")

    async with running(app) as pilot:
        await shows(pilot, "nothing matches the filter nothing-like-it among 7 rows; esc clears")
        await pilot.press("escape")
        await until(pilot, lambda: "nothing matches" not in text(app))


async def test_a_message_has_a_time_and_goes_after_a_minute(tmp_path: Path) -> None:
    late = [0.0]
    app = Console(replace(dependencies(demo_home(tmp_path)), now=lambda: NOW + late[0]))

    async with running(app) as pilot:
        app.main.say("a sentence")
        at = time.strftime("%H:%M", time.localtime(NOW))
        await shows(pilot, f"{at} a sentence")
        late[0] = 61.0
        await until(pilot, lambda: "a sentence" not in text(app))
