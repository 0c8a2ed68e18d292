"""One of the operator's own commands on many rows."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import home_layout
from checker.model import EventKind
from reversi_tui.actions.batch import AT_ONCE
from reversi_tui.app import Console
from reversi_tui.screens.batch_sheet import BatchSheet
from reversi_tui.screens.confirm import Confirm
from reversi_tui.settings.preferences import Command
from tests.reversi_tui.actions.test_own_commands import eventually, gone
from tests.reversi_tui.console.screen import log, running, shows, until
from tests.reversi_tui.console.states import (
    FORWARDS,
    FakeActs,
    console,
    demo_home,
    many,
    open_acts,
)


def command(script: str, *words: str) -> Command:
    argv = ("sh", "-c", script, "sh", *words)
    return Command(name="look", key="f5", title="Look", argv=argv, dangerous=False)


def recorded(acts: FakeActs) -> list[EventKind]:
    return [kind for kind, *_ in acts.recorded]


async def test_failures_come_first_in_the_summary_and_each_run_is_an_event(tmp_path: Path) -> None:
    acts = open_acts()
    script = 'echo "said by $1"; test "$1" != barn'
    app = console(demo_home(tmp_path), acts, commands=(command(script, "{node}"),))

    async with running(app) as pilot:
        await pilot.press("a", "f5")
        await shows(
            pilot, f"Look: exit status 0 on {len(FORWARDS) - 1} of {len(FORWARDS)}, 1 failed"
        )
        await shows(pilot, "FAILED barn port 20011: sh ended with exit status 1 said by barn ok")
        await shows(pilot, "ok attic port 20010: said by attic")
        await shows(pilot, "esc close")
        assert len(acts.recorded) == len(FORWARDS)
        assert set(recorded(acts)) == {EventKind.COMMAND}
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)


async def test_a_row_that_lacks_a_word_of_the_command_is_a_failure_of_its_own(
    tmp_path: Path,
) -> None:
    app = console(demo_home(tmp_path), commands=(command("true", "{pid}"),))

    async with running(app) as pilot:
        await pilot.press("a", "f5")
        await shows(pilot, "FAILED cellar port 20012: look cannot run here: the pid is unknown")
        await shows(pilot, "ok attic port 20010")


def started(folder: Path) -> list[int]:
    return [int(path.read_text()) for path in folder.iterdir() if path.read_text().endswith("\n")]


def crowded(home: Path, folder: Path) -> Console:
    """More rows than run at once, and a command that goes on until it is stopped."""
    folder.mkdir()
    layout = home_layout(home)
    many(layout, AT_ONCE + 4)
    script = f"echo $$ > {folder}/$1-$$; exec sleep 600"
    return console(layout, commands=(command(script, "{port}"),))


async def test_sixteen_run_at_once_and_escape_stops_them_after_a_question(tmp_path: Path) -> None:
    folder = tmp_path / "pids"
    app = crowded(tmp_path / "home", folder)
    total = AT_ONCE + 4

    async with running(app, count=total) as pilot:
        await pilot.press("a", "f5")
        await until(pilot, lambda: len(started(folder)) == AT_ONCE)
        await shows(pilot, "enter leave it running esc stop")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await shows(pilot, "Only the programs that this console started are ended")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, BatchSheet))
        assert len(started(folder)) == AT_ONCE
        await pilot.press("escape", "y")
        await shows(pilot, f"{AT_ONCE} failed, 4 not started, stopped")
        await shows(pilot, "sh was stopped")

    for pid in started(folder):
        eventually(lambda pid=pid: gone(pid), "each program ends")  # type: ignore[misc]
    assert len(started(folder)) == AT_ONCE


async def test_enter_leaves_it_running_and_its_end_is_in_the_log(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    script = f"until test -e {gate}; do sleep 0.1; done"
    app = console(demo_home(tmp_path / "home"), commands=(command(script),))

    async with running(app) as pilot:
        await pilot.press("a", "f5")
        await until(pilot, lambda: isinstance(app.screen, BatchSheet))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        await pilot.press("q")
        await shows(pilot, "Quit while an action is under way?")
        await pilot.press("n")
        gate.touch()
        await until(pilot, lambda: f"Look: exit status 0 on all {len(FORWARDS)}" in log(app))
