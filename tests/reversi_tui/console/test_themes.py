"""The themes on real screens: readable on their background, and one without any colour."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style

from reversi_tui.app import Console
from reversi_tui.screens.adding import Adding
from reversi_tui.screens.asking import Ask
from reversi_tui.screens.columns import ColumnsChooser
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.help import Help
from reversi_tui.screens.main import Main
from reversi_tui.screens.picking import Choose
from reversi_tui.screens.sorting import SortBy
from reversi_tui.widgets.frame import Frame
from tests.contrast import EASY_TO_READ, contrast
from tests.reversi_tui.console.screen import until
from tests.reversi_tui.console.states import FORWARDS, console, demo_home

PLACES: dict[str, type] = {
    "": Main,
    "enter": Detail,
    "question_mark": Help,
    "c": ColumnsChooser,
    "o": SortBy,
    "k": Confirm,
    "n": Adding,
    "t": Choose,
    "slash": Main,
    "j": Main,
    "b": Ask,
    "z": Main,
    "l": Main,
}
"""Keys of the main screen, and what they open."""


def written(app: Console) -> list[Segment]:
    """What is on the screen, or in the frame of a dialog: what is below it fades on purpose.
    Blanks and frames aside.
    """
    frames = [frame.region for frame in app.screen.query(Frame)]
    place = frames[0] if frames else app.screen.region
    strips = app.screen._compositor.render_strips()[place.y : place.bottom]
    return [
        segment
        for strip in strips
        for segment in strip.crop(place.x, place.right)
        if any(letter.isalnum() for letter in segment.text)
    ]


def is_written(app: Console, screen: type) -> bool:
    return isinstance(app.screen, screen) and len(written(app)) > 3


async def seen(home: Path, theme: str) -> list[tuple[str, Style]]:
    """What a theme writes on each of the screens, and how."""
    found: list[tuple[str, Style]] = []
    app = console(demo_home(home), theme=theme)
    async with app.run_test(size=(100, 40)) as pilot:
        await until(
            pilot,
            lambda: app.main.feed.health.registry_read and len(app.main.view.rows) == len(FORWARDS),
        )
        for key, screen in PLACES.items():
            await pilot.press(*([key] if key else []))
            await until(pilot, partial(is_written, app, screen))
            found += [
                (f"{screen.__name__}: {segment.text}", segment.style or Style())
                for segment in written(app)
            ]
            await pilot.press("escape")
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_every_text_of_a_theme_is_easy_to_read(tmp_path: Path, theme: str) -> None:
    for text, style in await seen(tmp_path, theme):
        assert style.color, text
        assert style.bgcolor, text
        assert not style.color.is_default, text
        assert not style.bgcolor.is_default, text
        assert contrast(style.color, style.bgcolor) >= EASY_TO_READ, text


async def test_the_theme_without_colour_shows_none(tmp_path: Path) -> None:
    for text, style in await seen(tmp_path, "mono"):
        assert all(color is None or color.is_default for color in (style.color, style.bgcolor)), (
            text
        )


async def test_the_terminals_own_theme_uses_its_own_colours_alone(tmp_path: Path) -> None:
    for text, style in await seen(tmp_path, "terminal"):
        for color in (style.color, style.bgcolor):
            assert (
                color is None
                or color.is_default
                or (color.number is not None and color.number < 16)
            ), text
