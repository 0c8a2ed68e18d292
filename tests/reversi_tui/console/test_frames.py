"""Dialogs in each theme: an edge that can be seen, fields with edges, a dimmed table behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.widgets import Button, Input, TextArea

from reversi_tui.app import Console
from reversi_tui.screens.modal import Modal, faded
from reversi_tui.widgets.frame import Frame
from tests.contrast import contrast
from tests.reversi_tui.console.screen import running, text, until
from tests.reversi_tui.console.states import console, demo_home

TO_BE_SEEN = 3.0
"""The least contrast of what is not a text, as WCAG 2 has it."""
DIALOGS = {
    "question": ("k",),
    "reason": ("d",),
    "form": ("n",),
    "menu": ("m",),
    "registry": ("m", "enter"),
    "mute": ("M",),
    "line": ("T",),
    "choice": ("t",),
    "reach": ("y",),
    "order": ("o",),
    "columns": ("c",),
    "counts": ("number_sign",),
    "sheet": ("enter",),
    "help": ("question_mark",),
}
FORMS = ("reason", "form", "registry", "mute", "line")
SIZES = [pytest.param(size, id=f"{size[0]}x{size[1]}") for size in ((80, 24), (60, 15), (200, 50))]


def is_laid_out(app: Console, before: object) -> bool:
    frames = [*app.screen.query(Frame)] if app.screen is not before else []
    return isinstance(app.screen, Modal) and bool(frames) and bool(frames[0].region)


async def opened(pilot: Pilot[None], app: Console, *keys: str) -> Region:
    """Open a dialog with these keys; where its frame is."""
    for key in keys:
        before = app.screen
        await pilot.press(key)
        await until(pilot, partial(is_laid_out, app, before))
    await pilot.pause()
    return app.screen.query_one(Frame).region


async def closed(pilot: Pilot[None], app: Console) -> None:
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.main)


def cells(app: Console) -> list[list[Segment]]:
    """The screen, a segment for each cell."""
    strips = app.screen._compositor.render_strips()
    return [
        [Segment(letter, each.style) for each in strip for letter in each.text] for strip in strips
    ]


def style(cell: Segment) -> Style:
    return cell.style or Style()


def is_seen(cell: Segment) -> bool:
    """Whether it stands out from its background; a terminal's own colours do."""
    color, behind = style(cell).color, style(cell).bgcolor
    if color is None or behind is None or color.is_default or behind.is_default:
        return not style(cell).dim
    return contrast(color, behind) >= TO_BE_SEEN


@pytest.mark.parametrize("theme", ["dark", "light", "mono", "terminal"])
async def test_every_dialog_has_an_edge_that_is_seen_and_dims_the_table(
    tmp_path: Path, theme: str
) -> None:
    app = console(demo_home(tmp_path), theme=theme)

    async with running(app, (80, 24)) as pilot:
        first = cells(app)[0][2]
        plain = style(first)
        for name, keys in DIALOGS.items():
            frame = await opened(pilot, app, *keys)
            screen = cells(app)
            corner, side = screen[frame.y][frame.x], screen[frame.y + 1][frame.x]
            assert (corner.text, side.text) == ("╭", "│"), name
            assert is_seen(corner), name
            assert is_seen(side), name
            assert is_centred(frame, app.size), name
            if not frame.contains(2, 0):
                behind = style(screen[0][2])
                assert screen[0][2].text == first.text, name
                assert behind != plain, name
                assert behind.dim or is_fainter(behind, plain), name
            await closed(pilot, app)


def is_centred(frame: Region, size: Size) -> bool:
    left, above = frame.x, frame.y
    right, below = size.width - frame.right, size.height - frame.bottom
    return abs(left - right) <= 1 and abs(above - below) <= 1


def is_fainter(behind: Style, plain: Style) -> bool:
    assert behind.color
    assert behind.bgcolor
    assert plain.color
    assert plain.bgcolor
    return contrast(behind.color, behind.bgcolor) < contrast(plain.color, plain.bgcolor)


@pytest.mark.parametrize("size", SIZES)
async def test_a_form_has_fields_with_edges_and_its_buttons_below_them(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = console(demo_home(tmp_path))

    async with running(app, size) as pilot:
        for name in FORMS:
            frame = await opened(pilot, app, *DIALOGS[name])
            fields = [*app.screen.query(Input), *app.screen.query(TextArea)]
            buttons = [*app.screen.query(Button)]
            assert fields, name
            assert len(buttons) == 2, name
            for field in fields:
                assert field.styles.border_top[0] == "round", name
                assert field.styles.border_left[0] == "round", name
            focused = app.focused
            assert focused is not None
            assert focused in fields, name
            for button in buttons:
                assert button.region in frame.shrink((1, 1, 1, 1)), name
                assert button.region.y >= focused.region.bottom, name
            assert "Cancel" in text(app), name
            await closed(pilot, app)


async def test_the_buttons_of_a_form_do_what_they_say(tmp_path: Path) -> None:
    app = console(demo_home(tmp_path))

    async with running(app) as pilot:
        _ = await opened(pilot, app, "m")
        await pilot.press("down")
        _ = await opened(pilot, app, "enter")
        await pilot.press(*"loft")
        await pilot.press("tab", "tab", "enter")
        await until(pilot, lambda: "Rename: attic?" in text(app))
        await closed(pilot, app)
        _ = await opened(pilot, app, "T")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.screen is app.main)


@pytest.mark.parametrize(
    ("drawn", "wanted"),
    [
        pytest.param(Style.parse("bold red"), Style(dim=True), id="colour"),
        pytest.param(
            Style.parse("bold reverse green"), Style(dim=True, reverse=True), id="reverse"
        ),
    ],
)
def test_what_fades_keeps_its_shape_only(drawn: Style, wanted: Style) -> None:
    assert faded(drawn) == wanted


async def test_the_default_is_dark_but_with_16_colours_the_terminals_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = console(demo_home(tmp_path))
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "standard")
    few = console(demo_home(tmp_path / "few"))
    monkeypatch.setenv("NO_COLOR", "1")
    none = console(demo_home(tmp_path / "none"))

    assert [app.looks.palette.name for app in (many, few, none)] == ["dark", "terminal", "mono"]
