"""The themes: contrast, and that no state is shown by colour only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rich.color import Color, ColorType
from rich.style import Style

from checker.model import Status
from checker.rows.hours import Level
from reversi_tui.rows.palette import PALETTES, Palette, UnknownTheme, palette
from reversi_tui.rows.theme_names import THEMES
from tests.contrast import EASY_TO_READ, contrast, luminance

OWN = [name for name in THEMES if PALETTES[name].background]


def styles(found: Palette) -> Iterator[tuple[str, Style]]:
    fields = {
        name: getattr(found, name)
        for name in (
            "quiet",
            "fault",
            "stale",
            "cursor",
            "marked",
            "heading",
            "warning",
            "banner",
            "dim",
            "pill",
            "alarm",
        )
    }
    for name, words in (*found.status.items(), *found.levels.items(), *fields.items()):
        yield str(name), Style.parse(words)


def test_the_yardstick_of_contrast_is_right() -> None:
    assert contrast(Color.parse("#ffffff"), Color.parse("#000000")) == pytest.approx(21)
    assert contrast(Color.parse("#ffffff"), Color.parse("#767676")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", OWN)
def test_every_text_of_a_theme_with_a_background_is_easy_to_read(name: str) -> None:
    found = palette(name)

    for what, style in [*styles(found), ("text", Style.parse(found.foreground))]:
        front = style.color or Color.parse(found.foreground)
        back = style.bgcolor or Color.parse(found.background)
        assert contrast(front, back) >= EASY_TO_READ, what
        assert not style.dim, what


def test_the_themes_with_a_background_are_a_dark_one_and_a_light_one() -> None:
    assert OWN == ["dark", "light"]
    assert luminance(Color.parse(palette("dark").background)) < 0.05
    assert luminance(Color.parse(palette("light").background)) > 0.9


def test_the_terminals_own_theme_uses_its_eight_colours_alone() -> None:
    for what, style in styles(palette("terminal")):
        for color in (style.color, style.bgcolor):
            assert color is None or (
                color.type is ColorType.STANDARD and color.number is not None and color.number < 8
            ), what


def test_the_theme_without_colour_has_none() -> None:
    for what, style in styles(palette("mono")):
        assert style.color is None, what
        assert style.bgcolor is None, what


def test_each_theme_has_a_name_and_styles() -> None:
    assert tuple(PALETTES) == THEMES


@pytest.mark.parametrize("name", THEMES)
def test_a_theme_has_a_style_for_each_status_and_level(name: str) -> None:
    found = palette(name)

    assert set(found.status) == set(Status)
    assert set(found.levels) == set(Level)
    assert found.cursor not in ("", found.marked, found.stale)
    assert found.marked


def test_an_unknown_theme_is_refused_by_name() -> None:
    with pytest.raises(
        UnknownTheme, match="there is no theme 'pink'; themes are: terminal, dark, light, mono"
    ):
        palette("pink")
