"""The operator's own commands, keys, and the palette."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from checker.model import Verb
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.output import Output
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.console.screen import log, running, shows, text, until
from tests.reversi_tui.console.states import (
    console,
    demo_home,
    open_acts,
)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def command(*argv: str, dangerous: bool = False) -> Command:
    return Command(name="show", key="f5", title="Show it", argv=argv, dangerous=dangerous)


async def test_a_command_of_ones_own_gets_its_words_as_arguments_and_its_output_is_shown_as_text(
    tmp_path: Path,
) -> None:
    program = "import json, sys; print(json.dumps(sys.argv[1:])); print('\\x1b[31m[bold]red[/]')"
    app = console(
        demo_home(tmp_path),
        commands=(
            command(sys.executable, "-c", program, "{node}", "at {target}; rm -rf {port}", "{pid}"),
        ),
    )

    async with running(app) as pilot:
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, Output))
        await shows(pilot, json.dumps(["attic", "at 127.0.0.1:22; rm -rf 20010", "4000"]))
        await shows(pilot, "\\x1b[31m[bold]red[/]")
        await shows(pilot, "ended with exit status 0")


async def test_a_dangerous_command_asks_first_and_one_without_a_known_process_is_refused(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "ran"
    app = console(
        demo_home(tmp_path / "gateway"),
        commands=(command("touch", f"{mark}-{{pid}}", dangerous=True),),
    )

    async with running(app) as pilot:
        await pilot.press("f5")
        await shows(pilot, "Show it?")
        await pilot.press("n")
        await shows(pilot, "Show it: cancelled")
        await pilot.press("down", "down", "x", "enter")
        await shows(pilot, "cellar")
        await pilot.press("y")
        await until(pilot, lambda: "the pid is unknown" in log(app))

    assert not any(name.startswith("ran") for name in names(tmp_path))


async def test_without_commands_x_says_where_they_are_written(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("x")
        await shows(pilot, "[[command]]")


async def test_an_action_is_found_in_the_palette_by_its_name(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("colon")
        await shows(pilot, "Search for commands")
        await pilot.press(*"probe")
        await shows(pilot, "Probe the forward now")
        await pilot.press("down", "enter")
        await until(pilot, lambda: acts.done)

    assert acts.done[0][0] is Verb.PROBE


async def test_keys_are_as_the_operator_gave_them(tmp_path: Path) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts, keys=(("act.probe", "f6"),))

    async with running(app) as pilot:
        await pilot.press("p")
        await pilot.press("f6")
        await until(pilot, lambda: acts.done)
        assert "f6 probe" in text(app)

    assert len(acts.done) == 1


async def test_the_palette_tells_the_keys_and_does_not_come_over_a_dialog(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        await pilot.press("colon", *"kill")
        await shows(pilot, "k Kill")
        await shows(pilot, "Kill the sshd process that holds the port; asks first")
        await pilot.press("escape", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, Confirm)


async def test_keys_of_the_table_can_be_changed_too_and_are_in_the_help(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path), keys=(("table.down", "f7"), ("view.theme", "down")))

    async with running(app) as pilot:
        await pilot.press("f7")
        await until(pilot, lambda: app.main.table.cursor == ("barn", 20011))
        await pilot.press("down")
        await shows(pilot, "Colours")
        await pilot.press("escape", "question_mark", "pagedown", "pagedown")
        await shows(pilot, "↑, f7")


@pytest.mark.parametrize(
    ("node", "says"), [("barn", "hung since 2h"), ("cellar", "down since 2h"), ("dock", "refused")]
)
async def test_a_shell_on_a_dead_tunnel_asks_first(tmp_path: Path, node: str, says: str) -> None:
    acts = open_acts()
    app = console(demo_home(tmp_path), acts)

    async with running(app) as pilot:
        await pilot.press("j", *node, "enter", "s")
        await shows(pilot, "Log in all the same?")
        await shows(pilot, says)
        await pilot.press("enter")
        await shows(pilot, "login cancelled")

    assert acts.recorded == []
