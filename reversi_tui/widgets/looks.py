"""The colours in use; changed in place, so that all widgets that hold them follow."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.scrollbar import ScrollBarRender

from reversi_tui.rows.palette import palette
from reversi_tui.rows.tones import Tone


class WholeCells(ScrollBarRender):
    """A scroll bar without partial cells at its ends."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8


class Looks:
    """One theme, limited to what the terminal can do: ASCII only, few colours, or none."""

    def __init__(
        self,
        name: str,
        *,
        ascii_only: bool = False,
        few_colours: bool = False,
        colourless: bool = False,
    ) -> None:
        self.ascii_only, self.few_colours, self.colourless = ascii_only, few_colours, colourless
        self.use(name)

    def use(self, name: str) -> None:
        """Switch to this theme, as far as the terminal can show it. Raises UnknownTheme."""
        self.name = name
        self.palette = palette("mono" if self.colourless else name)
        if self.few_colours and self.palette.background:
            self.palette = palette("terminal")
        self.plain = Style()
        self.quiet, self.fault = Style.parse(self.palette.quiet), Style.parse(self.palette.fault)
        self.stale, self.cursor = Style.parse(self.palette.stale), Style.parse(self.palette.cursor)
        self.tones = {
            Tone.QUIET: self.quiet,
            Tone.FAULT: self.plain,
            Tone.STALE: self.stale,
        }
        self.warning = Style.parse(self.palette.warning)
        self.marked = Style.parse(self.palette.marked)
        self.status = {status: Style.parse(style) for status, style in self.palette.status.items()}
        self.levels: dict[str, Style] = {
            level.value: Style.parse(style) for level, style in self.palette.levels.items()
        }
