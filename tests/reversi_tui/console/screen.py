"""Reading what a console shows, and waiting until it does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from reversi_tui.app import Console
from tests.reversi_tui.console.states import FORWARDS

WITHIN_S = 150.0
SMALL = (80, 24)


def lines(app: Console) -> list[str]:
    """The screen as text."""
    strips = app.screen._compositor.render_strips()
    return [strip.text.rstrip() for strip in strips]


def text(app: Console) -> str:
    return "\n".join(lines(app))


async def until(pilot: Pilot[None], claim: Callable[[], object]) -> None:
    """Wait until the claim is true of the app. Fails with what the screen shows."""
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        app = pilot.app
        assert isinstance(app, Console)
        assert time.monotonic() < deadline, (
            f"not within {WITHIN_S} s; the screen shows:\n{text(app)}"
        )
        await asyncio.sleep(0.02)
        await pilot.pause()


async def shows(pilot: Pilot[None], words: str) -> None:
    """Wait until the words are on the screen, wherever its edge breaks them."""
    app = pilot.app
    assert isinstance(app, Console)
    wanted = " ".join(words.split())
    await until(pilot, lambda: wanted in " ".join(text(app).replace("│", " ").split()))


@asynccontextmanager
async def running(
    app: Console, size: tuple[int, int] = (100, 30), count: int = len(FORWARDS)
) -> AsyncIterator[Pilot[None]]:
    """The console with all its rows read."""
    async with app.run_test(size=size) as pilot:
        await until(
            pilot, lambda: app.main.feed.health.registry_read and len(app.main.view.rows) == count
        )
        await pilot.pause()
        yield pilot


def nodes(app: Console) -> list[str]:
    """The node of each row shown, in order."""
    return [node for node, _ in app.main.view.order]


def log(app: Console) -> str:
    """What the console did."""
    return "\n".join(app.main.log_pane.lines)
