"""The targets of a reset as a view, by keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from checker.model import ProcessId, Status
from checker.state.rows import Batch
from tests.reversi_tui.console.screen import log, nodes, running, shows, text, until
from tests.reversi_tui.console.states import NOW, SEEN, console, demo_home, write

BACK = replace(
    SEEN[1],
    status=Status.UP,
    session=ProcessId(pid=5001, start_ticks=900),
    detail="SSH-2.0-dropbear",
    since=NOW + 4,
    probed_at=NOW + 4,
)


async def test_targets_are_followed_until_they_are_back(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout)

    async with running(app, (120, 30)) as pilot:
        await pilot.press("slash", *"status:hung|refused", "enter", "a", "r", "left", "enter")
        await shows(pilot, "2 reset: 2 not probed yet; F shows them")
        await pilot.press("F")
        await until(pilot, lambda: nodes(app) == ["barn", "dock"])
        write(layout, Batch(tunnels=(BACK,)))
        app.source.wake()
        await shows(pilot, "2 reset: 1 back (after 4 s), 1 not probed yet; F leaves them")
        assert "up after 4 s" in text(app)
        assert nodes(app) == ["barn", "dock"]
        await pilot.press("F")
        await until(pilot, lambda: nodes(app) == ["dock"])
        assert app.main.view.filter_text == "status:hung|refused"


async def test_escape_ends_it_and_shows_what_was_shown_before(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    app = console(layout, faults_only=True)

    async with running(app) as pilot:
        await pilot.press("r", "left", "enter")
        await shows(pilot, "barn port 20011 reset: not probed yet; F shows it")
        await pilot.press("F")
        await until(pilot, lambda: nodes(app) == ["barn"])
        write(layout, Batch(tunnels=(BACK,)))
        app.source.wake()
        await shows(pilot, "barn port 20011 reset: back after 4 s")
        assert "barn port 20011 reset: back after 4 s" in log(app)
        await pilot.press("escape", "escape")
        await until(pilot, lambda: "cellar" in nodes(app))
        assert "F shows" not in text(app)
        assert app.main.view.faults_only


async def test_without_a_kill_there_is_nothing_to_follow(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("F")
        await shows(pilot, "nothing was killed or reset lately, so there is nothing to follow")


async def test_a_named_view_leaves_the_targets(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("down", "r", "left", "enter", "F")
        await until(pilot, lambda: nodes(app) == ["barn"])
        await pilot.press("1")
        await until(pilot, lambda: len(nodes(app)) == 7)
