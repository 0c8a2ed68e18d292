"""The key that mutes rows, and how muted rows look."""

from __future__ import annotations

from pathlib import Path

from checker.model import Mute, MuteChange, NodeName, Selector
from checker.state.mutes import change_mutes, read_mutes
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.mute_form import MuteForm
from tests.reversi_tui.console.screen import log, nodes, running, shows, until
from tests.reversi_tui.console.states import NOW, console, demo_home, open_acts


def a_mute(selector: Selector) -> Mute:
    return Mute(selector=selector, until=NOW + 3600, why="new roof", by="ada", at=NOW)


async def test_a_row_is_muted_for_a_time_and_a_reason_and_unmuted_by_the_same_key(
    tmp_path: Path,
) -> None:
    layout = demo_home(tmp_path)
    layout.mutes.unlink(missing_ok=True)
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, MuteForm))
        await shows(pilot, "No alerts about attic port 20010")
        await pilot.press("enter", "enter")
        await shows(pilot, "say why, for whoever misses the alerts")
        await pilot.press(*"roof", "up")
        await pilot.press("end", "backspace", "backspace", *"soon", "enter")
        await shows(pilot, "is not a time")
        await pilot.press(*["backspace"] * 4, *"300h", "enter")
        await until(pilot, lambda: "attic port 20010: no alerts until" in log(app))
        await until(pilot, lambda: app.main.view.rows[app.main.view.order[0]].mute is not None)
        await shows(pilot, "=attic")
        await shows(pilot, "= 1 muted")
        (mute,) = read_mutes(layout.mutes).mutes
        assert (mute.selector, mute.why) == (Selector(node=NodeName("attic")), "roof")

        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "Unmute attic port 20010?")
        await shows(pilot, "attic, until")
        await pilot.press("y")
        await until(pilot, lambda: "attic port 20010: alerts are sent again" in log(app))
        await until(pilot, lambda: app.main.view.rows[app.main.view.order[0]].mute is None)


async def test_muted_rows_are_found_and_told_about(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    by_filter = a_mute(Selector(filter_text="node:barn|node:cellar"))
    change_mutes(layout.mutes, MuteChange(add=(by_filter,)))
    app = console(layout)

    async with running(app) as pilot:
        await pilot.press("slash", *"is:muted", "enter")
        await until(pilot, lambda: nodes(app) == ["barn", "cellar"])
        await pilot.press("space")
        await shows(pilot, "▌=barn")
        await pilot.press("up", "enter")
        await shows(pilot, "by ada as filter 'node:barn|node:cellar': new roof")


async def test_a_broken_file_of_mutes_is_said_above_the_table(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    layout.mutes.write_text("broken")
    app = console(layout)

    async with running(app) as pilot:
        await shows(pilot, "nothing is muted:")


async def test_a_read_only_console_mutes_nothing(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), open_acts(read_only=True))

    async with running(app) as pilot:
        await pilot.press("M")
        await shows(pilot, "this console is read-only: M (mute) is off")
