"""A dialog is painted as a whole once, when all of it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen

from tests.reversi_tui.console.screen import running, until
from tests.reversi_tui.console.states import console, demo_home

SIZE = (120, 40)
Paints = list[tuple[str, RenderableType]]
"""Screens, and what was written of each."""


@pytest.fixture
def paints(monkeypatch: pytest.MonkeyPatch) -> Paints:
    """What a console would write to its terminal."""
    found: Paints = []
    display = App._display

    def watched(app: App[Any], screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is not None:
            found.append((type(screen).__name__, renderable))
        display(app, screen, renderable)

    monkeypatch.setattr(App, "_display", watched)
    return found


def is_whole(painted: RenderableType) -> bool:
    return isinstance(painted, LayoutUpdate) and painted.region == Region(0, 0, *SIZE)


def whole(paints: Paints) -> list[str]:
    """The screens of which all was written, in order."""
    return [name for name, painted in paints if is_whole(painted)]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        pytest.param("enter", "Detail", id="sheet"),
        pytest.param("question_mark", "Help", id="help"),
        pytest.param("k", "Confirm", id="question"),
        pytest.param("n", "Adding", id="form"),
    ],
)
async def test_a_dialog_is_written_once_when_it_opens(
    paints: Paints, tmp_path: Path, key: str, name: str
) -> None:
    app = console(demo_home(tmp_path))
    async with running(app, size=SIZE) as pilot:
        paints.clear()

        await pilot.press(key)
        await until(pilot, lambda: name in whole(paints))
        await pilot.pause(0.1)  # a second paint would come with the next turn

        assert whole(paints) == [name]


async def test_a_sheet_has_its_text_when_it_is_first_written(
    paints: Paints, tmp_path: Path
) -> None:
    app = console(demo_home(tmp_path))
    async with running(app, size=SIZE) as pilot:
        paints.clear()

        await pilot.press("enter")
        await until(pilot, lambda: "Detail" in whole(paints))

        assert paints[-1][0] == "Detail"
        written = paints[0][1]
        assert isinstance(written, LayoutUpdate)
        text = "".join(strip.text for line in written.strips for strip in line)
        assert "SSH-2.0-dropbear" in text
        assert "k kill" in text
