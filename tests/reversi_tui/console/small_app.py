"""An app with nothing in it, to try one screen or one function of the console in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

import reversi_tui
from reversi_tui.widgets.themes import THEMES

WITHIN_S = 100.0


class Small(App[Any]):
    """The console's looks, and no more."""

    CSS_PATH = Path(reversi_tui.__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__(ansi_color=True)
        self.animation_level = "none"
        self.answer: object = "none yet"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES[0].variables

    def keep(self, answer: object) -> None:
        """What a screen was dismissed with."""
        self.answer = answer


def screen_text(app: App[Any]) -> str:
    """The top screen as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], claim: Callable[[], object]) -> None:
    """Wait until the claim is true. Fails with what the screen shows."""
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        assert time.monotonic() < deadline, (
            f"not within {WITHIN_S} s; the screen shows:\n{screen_text(pilot.app)}"
        )
        await asyncio.sleep(0.02)
        await pilot.pause()


async def shows(pilot: Pilot[Any], words: str) -> None:
    """Wait until the words are on the screen, wherever its edge breaks them."""
    await until(
        pilot,
        lambda: "".join(words.split()) in "".join(screen_text(pilot.app).replace("│", "").split()),
    )
