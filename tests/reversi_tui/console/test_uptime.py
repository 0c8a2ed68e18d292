"""The uptime screen: worst first, by tag, filtered, as CSV, and from a figure to its row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from checker.model import NodeName, Port
from reversi_tui.app import Console
from reversi_tui.screens.help import Help
from reversi_tui.screens.uptime import Uptime
from reversi_tui.widgets.lines import Lines
from tests.reversi_tui.console.hands import Hands
from tests.reversi_tui.console.past import home_with_a_past
from tests.reversi_tui.console.screen import lines, running, shows, text, until
from tests.reversi_tui.console.states import NOW, console
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

COUNT = 8
WORST = "evora-door-07"


def app_at(home: Path, **preferences: Any) -> Console:
    return console(home_with_a_past(home, COUNT, NOW), **preferences)


def names(app: Console) -> list[str]:
    """The first word of each line of the list."""
    screen = app.screen
    assert isinstance(screen, Uptime)
    return [figure.name for figure in screen.figures]


async def test_the_worst_comes_first_and_enter_goes_to_its_row(tmp_path: Path) -> None:
    app = app_at(tmp_path, filter_text="node:*-0[0-7]")

    async with running(app, (80, 24), COUNT) as pilot:
        await pilot.press("u")
        await shows(pilot, "Uptime by 7 d")
        await until(pilot, lambda: "reading" not in text(app))
        await pilot.press("escape")
        await shows(pilot, f"{COUNT} forwards")
        assert names(app)[0] == WORST
        assert "100.00" in lines(app)[2]
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.table.cursor == (NodeName(WORST), Port(27007))


async def test_its_help_has_its_own_keys(tmp_path: Path) -> None:
    app = app_at(tmp_path)

    async with running(app, (100, 50), COUNT) as pilot:
        await pilot.press("u")
        await shows(pilot, "Uptime by 7 d")
        await pilot.press("question_mark")
        await shows(pilot, "Sum up by tag, or show each forward again")
        assert isinstance(app.screen, Help)
        assert app.screen.sections[0][0] == "Uptime"


async def test_a_row_that_the_table_hides_is_shown(tmp_path: Path) -> None:
    app = app_at(tmp_path, faults_only=True)

    async with running(app, (80, 24), COUNT) as pilot:
        assert app.main.view.order == []
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Uptime) and app.screen.figures)
        await pilot.press("down", "enter")
        await shows(pilot, "the filter is cleared, so that the row is shown")
        assert app.main.table.cursor == (NodeName("delft-door-06"), Port(27006))


async def test_tags_are_summed_up_and_enter_shows_their_forwards(tmp_path: Path) -> None:
    app = app_at(tmp_path)

    async with running(app, (80, 24), COUNT) as pilot:
        await pilot.press("u", "g")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, Uptime) and names(app) == ["evora", "delft", "cork", "basel"]
            ),
        )
        await pilot.press("enter")
        await shows(pilot, "2 of 8 forwards; filter: tags:evora")
        assert names(app) == [WORST, "evora-door-03"]
        await pilot.press("o")
        await shows(pilot, "Uptime by 30 d")
        await pilot.press("u")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.view.filter_text == ""


async def test_the_filter_is_the_table_s_and_a_mistake_is_named(tmp_path: Path) -> None:
    app = app_at(tmp_path)

    async with running(app, (80, 24), COUNT) as pilot:
        await pilot.press("u", "slash", *"tag:cork", "enter")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, Uptime) and names(app) == ["cork-door-05", "cork-door-01"]
            ),
        )
        await pilot.press("slash", *"x", "enter")
        await shows(pilot, "no node has the tag 'corkx'; did you mean 'cork'?")
        assert names(app) == []
        await pilot.press("enter", "escape")
        await until(pilot, lambda: len(names(app)) == COUNT)


def rows_in(folder: Path) -> list[dict[str, str]]:
    """What the only CSV file there has."""
    (path,) = folder.glob("reversi-uptime-*.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_what_is_shown_is_written_as_csv_and_no_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_at(tmp_path / "home")

    async with running(app, (80, 24), COUNT) as pilot:
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Uptime) and app.screen.figures)
        await pilot.press("w", "enter")
        await shows(pilot, "wrote 8 lines to")
        shown = names(app)
        await pilot.press("w", "enter")
        await shows(pilot, "exists, and is left as it is")

    found = rows_in(tmp_path)
    assert [one["node"] for one in found] == shown
    assert found[0]["losses"] == "1"


async def test_the_screen_without_a_state_file_says_why_there_are_no_figures(
    tmp_path: Path,
) -> None:
    app = app_at(tmp_path)

    async with running(app, (80, 24), COUNT) as pilot:
        app.main.dependencies.layout.state.write_bytes(b"no database" * 500)
        await pilot.press("u")
        await shows(pilot, "damaged")


async def test_the_cursor_moves_by_line_page_and_edge_on_a_screen_of_any_size(
    tmp_path: Path,
) -> None:
    app = app_at(tmp_path)

    async with running(app, (30, 8), COUNT) as pilot:
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, Uptime) and app.screen.figures)
        found = app.screen.query_one(Lines)
        for key, place in (("down", 1), ("pagedown", 6), ("end", 7), ("up", 6), ("home", 0)):
            await pilot.press(key)
            assert found.cursor == place
            assert names(app)[place][-2:] in text(app)


THIS_WEEK = ("u",)
"""The keys of the job: how did this week go, and who was the worst?"""


def figures_in(screen: Sequence[str]) -> dict[str, list[str]]:
    """The words of each line about a node, by its name."""
    return {found[0]: found for line in screen if "-door-" in line for found in [line.split()]}


def test_this_weeks_uptime_takes_few_keys(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home_with_a_past(home, COUNT)

    with tmp_terminal(tmp_path, home) as terminal:
        hands = Hands(terminal)
        terminal.until(figures_in, "the rows")
        hands.press(*THIS_WEEK)
        screen = terminal.shows("Uptime by 7 d, worst first: 8 forwards", "100.00")
        hands.press("Enter")
        terminal.shows("up", WORST)

    assert next(iter(figures_in(screen))) == WORST
    assert figures_in(screen)[WORST][2:4] == ["100.00", "97.91"]
    assert hands.count == 2


@contextmanager
def tmp_terminal(folder: Path, home: Path) -> Iterator[Tmux]:
    with tmux(folder, console_words(home), size=(80, 24)) as terminal:
        yield terminal
