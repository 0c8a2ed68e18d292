"""The console's picture: headless, over a fixed state and clock; the same bytes every time."""

from __future__ import annotations

import asyncio
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from checker.config import SYSTEM
from tests.tui.screen import shows
from tests.tui.states import FORWARDS, console, demo_home

WIDTH, HEIGHT = 128, 14
CELL = 12.2
"""The width of a character in Rich's SVG."""


async def picture(home: Path, *keys: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    """The SVG of what the console shows after these keys."""
    app = console(replace(demo_home(home), home=None, config=SYSTEM.config))
    async with app.run_test(size=size) as pilot:
        await shows(pilot, f"{len(FORWARDS)} forwards")
        await shows(pilot, "daemon: running")
        await pilot.press(*keys)
        await pilot.pause()
        svg = app.export_screenshot(title="reversi-tui")
    return plain(svg)


def plain(svg: str) -> str:
    """The SVG without what differs from run to run, and without addresses of fonts."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = re.sub(r' x="([\d.]+)"( y="[\d.]+") textLength="([\d.]+)"([^>]*>)((?:&#160;)+)(?!<)', moved_on, svg)
    return re.sub(r"font-family: Fira Code", "font-family: Fira Code, DejaVu Sans Mono", svg)


def moved_on(match: re.Match[str]) -> str:
    """A text moved by the blanks that it begins with: not every viewer draws those."""
    blanks = match[5].count("&#160;") * CELL
    return f' x="{float(match[1]) + blanks:g}"{match[2]} textLength="{float(match[3]) - blanks:g}"{match[4]}'


def write_picture(path: Path) -> None:
    """Write the picture that the README shows."""
    with tempfile.TemporaryDirectory() as folder:
        svg = asyncio.run(picture(Path(folder) / "gateway", "down"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg)
